/* What broker.c (which walks a request) and carry.c (which changes its values) share. */
#ifndef MODEL_CARRY_H
#define MODEL_CARRY_H

#include "model/check.h"

/* A part of the request on its way into a part of the task. */
struct part {
    struct import *all;
    const struct member *tables[4]; /* what its members become; looked through in this order */
    const char *area;
    struct pointer *at; /* where the walk is in the request */
    json_t *to;         /* what is being made, and */
    const char *place;  /* where in the task it will stand */
};

struct import {
    struct moves *moves;
    struct findings *findings;
    json_t *storages; /* of the task: `storage` and `data` come to stand in one list */
    json_t *ids;      /* uuid or url of one of them -> its name */
};

typedef void carry(struct part *p, const char *to, json_t *value);

struct member {
    const char *from; /* "memory/min"; a star as the last step: what no other row names */
    carry *carry;     /* carry_put, carry_lose, or one that changes the value first */
    const char *to;   /* put: "spec/minmemory"; lose: "why; what to do" */
};

/* The NAME of a kind of the broker's; NULL when it is none. The caller frees. */
char *broker_kind(const char *kind);

/* Ways to carry a member. */
carry carry_put;     /* as it is, noting from where it came */
carry carry_lose;    /* dropped; `to` is "a reason; what to do" */
carry carry_kind;    /* the kind of something that becomes another thing */
carry carry_nothing; /* read elsewhere */
carry carry_bytes, carry_checksum, carry_digest, carry_image, carry_mode, carry_privileged,
    carry_units, carry_window;

/* Sets a value where `to` says ("spec/mincores"). */
void carry_set(struct part *p, const char *to, json_t *value);

/* A warning that something is lost; an error at the place of the walk; one of a key nobody knows.
 */
void carry_drop(struct part *p, const char *what, const char *why);
void carry_refuse(struct part *p, const char *rule, const char *fmt, ...) PRINTF(3, 4);
void carry_refuse_key(struct part *p, const char *key, const char *below);

#endif
