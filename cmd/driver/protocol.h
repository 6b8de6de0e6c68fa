/* The driver's side of execdm-driver(7): a header, one object per job, one reply per object. */
#ifndef DRIVER_PROTOCOL_H
#define DRIVER_PROTOCOL_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

struct call {
    json_t *header; /* owned */
    json_t *config; /* borrowed from the header, or NULL */
    json_t *lines;  /* owned list */
    int64_t deadline_s;
    int64_t begun; /* when it was read, by clock_boot */
};

/* Reads standard input. CODE_PROTO when it is not a call of this verb. */
int call_read(struct call *call, const char *verb, struct err *err);
void call_fini(struct call *call);

/* A reply that says why: {"id", "error": {kind, code, text}}; a new reference. kind is temporary,
 * permanent, denied, notfound, conflict, unsupported or unavailable. */
json_t *reply_error(const json_t *line, const char *kind, const struct err *err);
/* Appends one reply. Takes the reference. */
void reply_add(struct buf *out, json_t *reply);

#endif
