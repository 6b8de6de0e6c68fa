/* Local OCI images: which one is meant, and its files unpacked once (decisions.md, "Images"). */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include "text/err.h"
#include "text/json.h"

struct image {
    char *path; /* layout directory or archive file */
    bool archive;
    char *tag;       /* NULL: the only one there is */
    char digest[72]; /* sha256:HEX of the manifest */
    char *os, *arch; /* NULL where the index does not say */
};

/* Looks up `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]` with an absolute path. digest, when not
 * NULL, is the manifest that must be meant. CODE_UNAVAIL for an image of a registry, CODE_NOINPUT
 * when there is no such image, tag or digest, CODE_DATA when it is no OCI image. */
int image_find(const char *name, const char *digest, struct image *image, struct err *err);
void image_fini(struct image *image);

/* How and for whom it is done. */
struct image_place {
    const char *dir;             /* the state directory */
    const char *account;         /* who unpacks when we are root; NULL: the usual one */
    bool (*stop)(void *context); /* asked now and then, true ends it; may be NULL */
    void *context;
};

/* Unpacks the image below DIR/images, if it is not there, and checks every digest on the way. It
 * stays there while *hold is open, and afterwards while a supervisor has the same lock
 * (image_hold). *rootfs becomes the directory of its files and *config what the image says about
 * its process {args, env, cwd}; the caller frees. Runs umoci inside bubblewrap. CODE_DATA: corrupt
 * image; CODE_TEMP: stopped. */
int image_unpack(const struct image *image, const struct image_place *place, char **rootfs,
                 json_t **config, int *hold, struct err *err);
/* A descriptor that keeps an unpacked image where it is while it is open, or -1 when it is none of
 * ours. */
int image_hold(const char *rootfs);
/* Removes the images below DIR that nobody holds, and nobody asked for since a time (s). */
void image_collect(const char *dir, int64_t since);

#endif
