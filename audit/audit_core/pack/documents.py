"""What a pack holds besides the evidence: names, the manifest, and how digests are joined.

PACK.zip
  evidence/NNNNN-DIGEST16/stdout.txt stderr.txt   what came back; a stream that was empty has none
  evidence/NNNNN-DIGEST16/observation.json        who was asked what, when, how; its SHA-256 is the
                                                  digest that findings refer to
  results/objects/SHA256.json                     what was found and concluded, object by object
  answers/SHA256.json                             what people answered, where the run has answers
  answers/attachments/SHA256                      the files that belong to their answers
  results/index.json run.json seal.json           which objects these are; what was asked; the seal
  (whatever exporters write)                      workbook.xlsx
  manifest.json                                   every file above with size and digests
  signature.dsse.json signing-key.pub.pem         who vouches for manifest.json
  SHA256SUMS                                      every file above, for `sha256sum -c`

Names never hold a byte that came from a target.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

SCHEMA = "dengbao/manifest/1"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = "signature.dsse.json"
KEY = "signing-key.pub.pem"
RESULTS, RUN, SEAL = "results/index.json", "run.json", "seal.json"
TAIL = (MANIFEST, SIGNATURE, KEY, SUMS)
NAME = re.compile(r"(?=.{1,200}\Z)[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
OBSERVATION_NAME = re.compile(r"evidence/([0-9]{5,9}-[0-9a-f]{16})/observation\.json")
ANSWERS_NAME = re.compile(r"answers/([0-9a-f]{64})\.json")
ATTACHMENT_NAME = re.compile(r"answers/attachments/([0-9a-f]{64})")
OBJECT_NAME = re.compile(r"results/objects/[0-9a-f]{64}\.json")
HAS_SM3 = "sm3" in hashlib.algorithms_available


class File(Struct, frozen=True, kw_only=True):
    """One file of the pack. `sm3` is null where the machine that packed had no SM3."""

    name: str
    size: int
    sha256: str
    sm3: str | None = None


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pack holds and what it was made from; digests are SHA-256 in hex.

    `files` are in the order of the zip. `root` is the digest of the lines `SHA256  NAME`, sorted by
    name, of all `files`; `evidence_root` the same without what exporters wrote: it is the root
    digest that the workbook prints. `previous` is the digest of the seal made before this run's,
    null for the first. `faults` are the exporters that failed, by name.
    """

    schema: str
    run: str
    dengbao: str
    plugins: dict[str, str]
    profile: str
    inventory_sha256: str
    policy: dict[str, str]
    lang: str
    seal_sha256: str | None
    previous: str | None
    root: str
    evidence_root: str
    files: tuple[File, ...]
    faults: tuple[str, ...] = ()


SUMS_NAME = 66
"""Where the name begins in a line of `sums`."""


def sums_line(name: str, sha256: str) -> bytes:
    """The line of one file as `sha256sum` writes it."""
    return f"{sha256}  {name}\n".encode("ascii")


def sums(files: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """(name, SHA-256) pairs, sorted by name, as `sha256sum` writes them, a line each."""
    return (sums_line(name, digest) for name, digest in files)


def root(files: Iterable[tuple[str, str]]) -> str:
    """The root digest over all `files`, sorted by name: SHA-256 (hex) over their checksums."""
    return root_of(sums(files))


def root_of(lines: Iterable[bytes]) -> str:
    """The root digest over files of which `lines` are the checksums, sorted by name."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def exported(name: str) -> bool:
    """Whether `name` was written by an exporter, not by dengbao itself."""
    own = name.startswith(("answers/", "evidence/", "results/")) or name in (RUN, SEAL, *TAIL)
    return not own


def answers_name(sha256: str) -> str:
    """Where the answers of people stand that have this digest (hex)."""
    return f"answers/{sha256}.json"


def attachment_name(sha256: str) -> str:
    """The path in a pack of the attachment with this digest (hex)."""
    return f"answers/attachments/{sha256}"


def object_name(sha256: str) -> str:
    """The path in a pack of the results of an object whose file has this digest (hex)."""
    return f"results/objects/{sha256}.json"
