#!/bin/sh
# tidegate: runs the bundle beside this file on the runtime that the project pins.
tidegate_file=$0
case $tidegate_file in */*) ;; *) tidegate_file=./$tidegate_file ;; esac
while [ -L "$tidegate_file" ]; do
  tidegate_link=$(readlink -- "$tidegate_file")
  case $tidegate_link in
    /*) tidegate_file=$tidegate_link ;;
    *) tidegate_file=${tidegate_file%/*}/$tidegate_link ;;
  esac
done
tidegate_folder=$(CDPATH='' cd -P -- "${tidegate_file%/*}/" && pwd -P) || exit 1
case $(uname -m) in
  x86_64) tidegate_arch=x64 ;;
  aarch64 | arm64) tidegate_arch=arm64 ;;
  *) tidegate_arch=$(uname -m) ;;
esac
tidegate_node=${tidegate_folder%/*}/node_modules/node-linux-$tidegate_arch/bin/node
if [ ! -x "$tidegate_node" ]; then
  echo "tidegate: the runtime $tidegate_node is missing: run npm ci in ${tidegate_folder%/*} (64-bit Linux on x64 or arm64)" >&2
  exit 1
fi
exec "$tidegate_node" @FLAGS@ "$tidegate_folder/tidegate.cjs" "$@"
