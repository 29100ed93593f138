# Every image that a rendered chart names comes from a verified registry, and by its digest.
# Input: the objects of the chart, one of them or a list of all.
# Data: {"verified": {"registries": ["acmerockets.azurecr.io"]}}
package main

import rego.v1

# Where an object of Kubernetes names an image: in the containers of a pod, and in its volumes.
named contains image if {
	some kind in {"containers", "initContainers", "ephemeralContainers"}
	walk(input, [path, value])
	path[count(path) - 2] == kind
	image := object.get(value, "image", "")
}

named contains image if {
	walk(input, [path, value])
	path[count(path) - 2] == "volumes"
	image := value.image.reference
}

deny contains message if {
	some image in named
	not from_verified(image)
	message := sprintf("%v is not from a verified registry", [image])
}

deny contains message if {
	some image in named
	not regex.match(`@sha256:[0-9a-f]{64}$`, image)
	message := sprintf("%v is not named by its digest: a tag may point to something else tomorrow", [image])
}

# Without that data nothing could be said of any image.
deny contains "data.verified.registries is missing: which registries are verified?" if {
	not data.verified.registries
}

from_verified(image) if {
	some registry in data.verified.registries
	startswith(image, concat("", [registry, "/"]))
}
