"""The report's section on provenance: code, data, parameters, packages."""

from camchex.report.markup import code, details, paragraph, table, text
from camchex.report.provenance import CODE_COMMIT, LOCK_DIGEST, Provenance

RECORDED = 'git log --format=%H -S "$(md5sum < report.html | cut -c1-32)" -- dvc.lock | tail -1'
EXPLAINED = (
    "A page cannot name the commit that it will be part of. It names the commit that last changed "
    "the code that its stage declares, and a digest of the entries of dvc.lock for all metrics and "
    "data that it is made from. The commit that recorded this very file is what "
)


def provenance_section(found: Provenance) -> str:
    """What made the page, and on which parameters it differs from its profile."""
    versions = dict(found.facts)
    first = {name: versions.pop(name) for name in (CODE_COMMIT, LOCK_DIGEST, "parameters")}
    rows = [[text(name), code(value)] for name, value in first.items()]
    rows += [
        [f"weights of seed {seed} <small>(dvc.lock)</small>", code(md5)]
        for seed, md5 in found.weights.items()
    ]
    packages = table(["package", "version"], [[text(n), code(v)] for n, v in versions.items()])
    return (
        paragraph(f"{text(EXPLAINED)}{code(RECORDED)} says.")
        + table(["what", "commit, SHA-256 or MD5"], rows)
        + paragraph(
            "The digest of the parameters leaves out <code>runtime</code> and "
            "<code>data.root</code>, which say only where it ran."
        )
        + _parameters(found)
        + details("Package versions", packages)
    )


def _parameters(found: Provenance) -> str:
    profile = code(f"profiles/{found.profile}.yaml")
    if not found.differs:
        return paragraph(f"The parameters are those of {profile}.")
    rows = [[code(d.key), code(d.left or "none"), code(d.right or "none")] for d in found.differs]
    caption = f"The parameters are those of {profile} but for {len(rows)}:"
    return table(["key", "profile", "here"], rows, caption)
