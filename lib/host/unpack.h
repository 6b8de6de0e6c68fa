/* An image's files from its layers, by umoci inside bubblewrap. */
#ifndef HOST_UNPACK_H
#define HOST_UNPACK_H

#include "host/image.h"

/* Unpacks an image that was found into the directory `work`, which is ours alone: work/rootfs and
 * work/config.json, and nothing else when it is done. What is in an image of our own (`ours`: a
 * layout that we made) is moved, not copied. As image_unpack. */
int unpack_into(const struct image *image, const struct image_place *place, const char *work,
                bool ours, struct err *err);

#endif
