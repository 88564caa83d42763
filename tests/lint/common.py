import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def sources(*rooms, suffixes=(".c", ".h")):
    """C files below the rooms (all of them where none is named), those not yet committed included."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *rooms], cwd=ROOT,
                            stdout=subprocess.PIPE, check=False, text=True)
    paths = listed.stdout.splitlines() if listed.returncode == 0 else [
        str(path.relative_to(ROOT)) for room in rooms or (".",) for path in (ROOT / room).rglob("*")
        if "build" not in path.parts]  # an unpacked release has no git
    return sorted(path for path in set(paths) if path.endswith(suffixes) and (ROOT / path).exists())
