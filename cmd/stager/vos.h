/* VOSpace 2.1: where a URL leads, and one request about it. */
#ifndef STAGER_VOS_H
#define STAGER_VOS_H

#include "stager.h"

#define VOS_XML "http://www.ivoa.net/xml/VOSpace/v2.0"
#define VOS_CORE "ivo://ivoa.net/vospace/core#"
#define VOS_TOKEN "ivo://ivoa.net/sso#token"

/* An interface of a service. */
struct vos_place {
    char *url;
    bool token;  /* a token is to be sent, and there is one */
    char *wants; /* it cannot be used: it asks for this */
};

/* A service, as its VOSI capabilities tell it. */
struct vos_service {
    char *key; /* what it was found by */
    struct vos_place nodes, sync, transfers;
    char *id; /* "vos://AUTHORITY!NAME"; NULL: not known yet */
};

/* Where a URL leads: vos://AUTHORITY!NAME/PATH, with ?endpoint= when it is told where the service
 * is; then the authority may be empty, and the service is asked for it. */
struct vos {
    struct vos_service *service; /* kept as long as the process lives */
    char *path;                  /* "" or "/a/b", encoded */
    bool folder;                 /* it was written with a slash at its end */
    char *shown;
};
int vos_init(struct vos *v, const char *url, struct fault *f);
void vos_fini(struct vos *v);
char *vos_target(const struct vos *v, const char *path); /* its URI, for documents */
void vos_escape(struct buf *b, const char *text);        /* text of an XML document */

/* How a place lets us in; kept as long as it is used. */
struct vos_key {
    char *line;
    char *headers[2];
    struct access access;
};
int vos_key_init(struct vos_key *k, const char *url, bool token, struct fault *f);
void vos_key_fini(struct vos_key *k);
/* One request to a place of the service; no redirect is followed. */
int vos_run(struct web *w, bool token, struct fault *f);

/* Puts in place of f what the word of a service means; false when the text has none. */
bool vos_fault(const char *text, const char *verb, const char *shown, struct fault *f);
int vos_bad(const char *shown, const char *what, struct fault *f);
/* Reads a document whole; -1 with f set when it is none. */
int vos_parse(const char *bytes, size_t n, struct xml *x, const char *shown, struct fault *f);

/* vos_node.c: nodes */
struct vos_node {
    enum kind kind; /* KIND_UNKNOWN: a link */
    int64_t size;   /* bytes, or -1 */
    char *md5;      /* "md5:HEX", or NULL */
    char *uri;
    bool closed; /* the service says that we may not write it */
};
void vos_node_fini(struct vos_node *n);
int vos_look(const struct vos *v, const char *path, struct vos_node *node, struct fault *f);
int vos_name_service(const struct vos *v, struct fault *f); /* asks it for its id */
/* Makes the container at path and those it is in; one that is there is success. */
int vos_make(const struct vos *v, const char *path, struct fault *f);
int vos_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f);
/* The place of a job: made when it is not there, REASON_EXISTS when it is; and removed with all
 * that is in it. */
int vos_create(struct transfer *t, const char *url, struct fault *f);
int vos_remove(struct transfer *t, const char *url, struct fault *f);
/* The path of what holds it; NULL when that is the root. The caller frees. */
char *vos_parent(const char *path);

#endif
