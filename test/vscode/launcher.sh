#!/bin/sh
# What @vscode/test-electron starts in place of VS Code's executable: the same arguments, a browser instead of a desktop.
here=$(dirname "$(readlink -f "$0")")
exec "$here/../../node_modules/node/bin/node" "$here/launcher.ts" "$@"
