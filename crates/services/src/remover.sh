# Removes a directory, $1, when the process that made it no longer wants it or is dead: then standard input, a pipe from
# that process, reaches its end. The services that were given directories in there end at the same time; each holds a
# lock until it has.
trap '' HUP
read -r end
for lock in "$1"/*/lock; do
  [ ! -e "$lock" ] || flock --exclusive --timeout 10 "$lock" true
done
rm -rf -- "$1"
