/* S3: one place in a bucket, and one request about it. */
#ifndef STAGER_S3_H
#define STAGER_S3_H

#include "stager.h"

/* Where a URL leads: s3://BUCKET/KEY, with ?endpoint= when it is not the person's. */
struct s3 {
    char *bucket, *key;         /* decoded; the key may be "" */
    char *query;                /* "?endpoint=..." as it came, or "" */
    char *scheme, *host, *path; /* of the endpoint; path is "" or "/x", without bucket */
    bool virtual;               /* the bucket is the first part of the host's name */
    char *region;
    char *shown; /* for messages */
    struct access access;
    char *user, *sign;   /* what access points to */
    struct strs headers; /* the same */
};
int s3_init(struct s3 *p, const char *url, struct fault *f);
void s3_fini(struct s3 *p);

/* A query, its names in order of the alphabet as a signature wants them. */
struct s3_query {
    const char *name, *value; /* value NULL: this one is left out */
};
#define S3_QUERY_MAX 6

/* One request about a key (NULL: the bucket). w has verb, method, body, sink; it is signed, sent
 * where the service says the bucket is, and its error said in S3's words. */
int s3_run(struct s3 *p, struct web *w, const char *key, const struct s3_query *query,
           struct fault *f);
char *s3_url(const struct s3 *p, const char *key, const struct s3_query *query);
/* The MD5 that an ETag is, "md5:HEX", or NULL when it is something else. The caller frees. */
char *s3_etag_md5(const struct web *w, const char *etag);
/* The text of the first element of a name in an answer, or NULL. The caller frees. */
char *s3_said(const struct web *w, const char *name);

/* s3_find.c: the size of an object. An object, or else what keys begin with; an empty bucket is a
 * directory, too. All below a directory. Is it a bucket, or a key that ends in a slash? What the
 * keys of this directory begin with; the caller frees. The first keys that begin so, `most` of
 * them, a new list. */
int s3_head(struct s3 *p, int64_t *size, struct fault *f);
int s3_look(struct s3 *p, enum kind *kind, int64_t *size, struct fault *f);
int s3_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f);
bool s3_is_folder(const struct s3 *p);
char *s3_prefix(const struct s3 *p);
int s3_keys(struct s3 *p, const char *prefix, const char *most, struct strs *keys, struct fault *f);

/* s3_put.c: a file is stored, whole or not at all; would that be allowed? */
int s3_put(struct stream *s, const char *url, mode_t mode, struct fault *f);
int s3_writable(const char *url, enum kind type, struct fault *f);

/* s3_place.c: a bucket, or what keys begin with, as the place of a job */
int s3_create(struct transfer *t, const char *url, struct fault *f);
int s3_remove(struct transfer *t, const char *url, struct fault *f);

#endif
