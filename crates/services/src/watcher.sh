# Runs a service for as long as the process that started it lives and wants it. Standard input is a pipe from that
# process: it reaches its end when the pipe's value is dropped, and when the process dies in any way.
#
# $1: the service's directory, $2: the signal that ends it in order, then its program and arguments.
# Writes the service's process id. A line on the pipe before its end means: keep the directory.
directory=$1 signal=$2
shift 2

# The kernel sends it when the parent dies while the service is stopped.
trap '' HUP

tree() {
  for process; do
    echo "$process"
    tree $(cat "/proc/$process/task/$process/children")
  done
}

"$@" < /dev/null >> "$directory/log" 2>&1 &
service=$!
echo "$service"
exec > /dev/null 2>&1

keep=
read -r keep

all=$(tree "$service")
kill -s "$signal" "$service"
# A process that is stopped takes no other signal.
kill -s CONT $all
tries=0
while kill -s 0 "$service" && [ "$tries" -lt 150 ]; do
  sleep 0.02
  tries=$((tries + 1))
done
kill -s KILL $all
wait
[ -n "$keep" ] || rm -rf -- "$directory"
