# Print the first of the named Pythons that matscreen can use, or say why none fits.
# Usage: sh .ci/find_python.sh python3 python3.13 ...

look='import sys
if not (3, 11) <= sys.version_info[:2] < (3, 14): sys.exit(3)
import venv, ensurepip'

found=''
for name in "$@"; do
    path=$(command -v "$name" 2>/dev/null) || { found="$found
  $name: not there"; continue; }
    # A shim or a wrapper may stand for a Python that is not there, so each is really run.
    version=$("$path" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) \
        || { found="$found
  $name: it does not run"; continue; }
    status=0
    "$path" -c "$look" >/dev/null 2>&1 || status=$?
    case $status in
        0) echo "$path"; exit 0 ;;
        3) found="$found
  $name: it is Python $version" ;;
        *) found="$found
  $name: it lacks the venv module; on Debian: apt install python${version%.*}-venv" ;;
    esac
done

cat >&2 <<END
matscreen needs Python 3.11, 3.12 or 3.13, and none of these is one it can use:$found
Install one of them, or say where it is:  make screen PYTHON=/path/to/python3.12
END
exit 1
