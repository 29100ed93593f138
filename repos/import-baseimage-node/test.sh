#!/bin/sh
# Decides whether a base image may enter the company: exit status 0 lets it in, any other keeps it
# out. Put here whatever your applications rely on.
echo "Base image: node ${NODE_VERSION}, background ${BACKGROUND_COLOR}"

if ! node --version; then
    echo "REFUSED: node does not start" >&2
    exit 2
fi

color=$(printf '%s' "${BACKGROUND_COLOR}" | tr '[:upper:]' '[:lower:]')
if [ "${color}" = "red" ]; then
    echo "REFUSED: a red background is not fit for production" >&2
    exit 1
fi

echo "ACCEPTED"
