/* Having data moved: execdm-stage with a manifest (staging.md). */
#ifndef HOST_STAGER_H
#define HOST_STAGER_H

#include "text/err.h"
#include "text/json.h"

struct stager {
    const char *identity; /* whose task it is for: its credentials are used (host/credential.h) */
    bool (*stop)(void *context); /* asked now and then; true ends the transfers */
    /* progress of one item in bytes; total -1 when not known */
    void (*progress)(void *context, const char *id, int64_t bytes, int64_t total);
    void *context;
    /* results, new references, released by stager_fini */
    json_t *results;  /* id -> the last line about it {state, bytes, checksum, error...} */
    json_t *files;    /* id -> list of {name, location, size, checksum} */
    json_t *warnings; /* id -> list of {name, text} */
    bool stopped;
};

/* lines: a list of manifest objects, each with an id. 0 when every item has a result, done or
 * failed; -1 when the program is missing or broke its word (CODE_UNAVAIL, CODE_PROTO), or when it
 * was stopped (CODE_TEMP). */
int stager_run(struct stager *s, json_t *lines, struct err *err);
void stager_fini(struct stager *s);
/* The first item that failed: its result, borrowed, and its id; NULL when all are done. */
json_t *stager_failure(const struct stager *s, json_t *lines, const char **id);

#endif
