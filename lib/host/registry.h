/* Images of registries, by skopeo: what a name means there, and fetching it (PRD-17). */
#ifndef HOST_REGISTRY_H
#define HOST_REGISTRY_H

#include "host/image.h"

/* What image_find does for an image of a registry: which manifest its tag or digest means for this
 * machine. CODE_NOINPUT: there is no such image, tag or digest; CODE_PERM: not without another
 * credential; CODE_TEMP: the registry is down or wants to be left alone for a while; CODE_DATA: not
 * to be understood; CODE_UNAVAIL: no skopeo, or no way there. */
int registry_find(struct image *image, const struct image_asker *who, struct err *err);
/* Its configuration, which is beside its manifest. A new reference. */
int registry_config(const struct image *image, const struct image_asker *who, json_t **config,
                    struct err *err);
/* Fetches the image with this digest into an OCI layout `layout`, under the tag IMAGE_TAG, every
 * blob checked; `tmp` is for its scratch files. Codes as above; CODE_DATA also when a blob is not
 * what its digest says. */
int registry_pull(const struct image *image, const struct image_asker *who, const char *layout,
                  const char *tmp, struct err *err);

#endif
