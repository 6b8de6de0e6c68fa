/* OCI images, local ones and those of registries: which one is meant, and its files unpacked once
 * (decisions.md, "Images"). */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

#define IMAGE_DIGEST_TEXT 72 /* "sha256:" and 64 digits, and a NUL */
#define IMAGE_TAG "execdm"   /* in layouts of ours */
#define IMAGE_BYTES (20LL << 30)
#define IMAGE_FILES 1000000

struct image {
    char *name;                     /* as it was written */
    char *path;                     /* a local one: layout directory or archive file */
    bool archive;                   /* it is a file */
    char *host, *place;             /* one of a registry: HOST[:PORT], and HOST[:PORT]/NAME */
    char *tag;                      /* NULL: the only one there is, or `latest` of a registry */
    char digest[IMAGE_DIGEST_TEXT]; /* of the manifest; "" until it was found */
    char named[IMAGE_DIGEST_TEXT];  /* that it was asked for by, which may be an index's; or "" */
    char *os, *arch;                /* NULL where nobody says */
    json_t *descriptor;             /* what a local layout's index says of the manifest */
};

/* What the spec of an oci-container means by image, repo, version and digest (Planner 2.1.2); looks
 * at nothing. An image of no registry, which is not local either, has neither path nor place.
 * CODE_DATA with what was expected. */
int image_parse(const json_t *spec, struct image *image, struct err *err);
void image_fini(struct image *image);
bool image_digest_valid(const char *text); /* sha256: and 64 hexadecimal digits */

/* Who asks a registry, for which machine. */
struct image_asker {
    const char *identity;        /* whose task it is */
    const char *os, *arch;       /* to choose by where there are several; may be NULL */
    bool (*stop)(void *context); /* asked now and then, true ends it; may be NULL */
    void *context;
};
/* Looks up what was parsed: its digest, os and arch. CODE_NOINPUT when there is no such image, tag
 * or digest, CODE_DATA when it is no OCI image, others in registry.h. */
int image_find(struct image *image, const struct image_asker *who, struct err *err);
/* The same for one that was found before, with that digest (NULL: as it was named): a registry is
 * not asked again. */
int image_recall(struct image *image, const char *digest, const struct image_asker *who,
                 struct err *err);
/* Of an index, the manifest for who asks: borrowed, NULL when there is none. image_take makes it
 * the one that is meant. */
const json_t *image_choose(const json_t *index, const struct image_asker *who);
void image_take(struct image *image, const json_t *descriptor);
/* The digests of the unpacked layers of one that was found, in their order: a new reference. What
 * it says of itself; unpacking checks that it is so. */
int image_layers(const struct image *image, const struct image_asker *who, json_t **diffs,
                 struct err *err);

/* A document of an image: the blob with this digest below a layout directory, a regular file of it
 * and no link, with the bytes that the digest is of. A new reference; CODE_DATA, CODE_NOINPUT. */
int image_blob(const char *layout, const char *digest, json_t **blob, struct err *err);

/* How and for whom it is unpacked. */
struct image_place {
    const char *dir;     /* the state directory */
    const char *account; /* who unpacks when we are root; NULL: the usual one */
    struct image_asker who;
    int64_t bytes, files;                          /* the most it may take (budget.h) */
    void (*told)(void *context, const char *what); /* what takes long; may be NULL */
};

/* Unpacks the image below DIR/images, if it is not there, and checks every digest on the way; one
 * of a registry is fetched before. It stays there while *hold is open, and afterwards while a
 * supervisor has the same lock (image_hold). *rootfs becomes the directory of its files and *config
 * what the image says about its process {args, env, cwd}; the caller frees. Runs umoci inside
 * bubblewrap. CODE_DATA: corrupt image; CODE_TEMP: stopped, or as registry.h says. */
int image_unpack(const struct image *image, const struct image_place *place, char **rootfs,
                 json_t **config, int *hold, struct err *err);
/* A descriptor that keeps an unpacked image where it is while it is open, or -1 when it is none of
 * ours. */
int image_hold(const char *rootfs);
int image_hold_new(const char *rootfs); /* the same of one that nobody has held yet */
/* Removes the images below DIR that nobody holds, that nobody asked for since a time (s) and that
 * have none of the digests needed, and what was fetched by somebody who died. */
void image_collect(const char *dir, int64_t since, const struct strs *needed);

#endif
