/* A platform made ready for planning: its document, with what it leaves open filled in. */
#ifndef MODEL_PLATFORM_H
#define MODEL_PLATFORM_H

#include "model/room.h"
#include "text/err.h"
#include "text/json.h"
#include "text/when.h"

struct platform {
    json_t *doc;   /* everything below borrows from it */
    json_t *probe; /* what its driver said just now, or NULL */
    const char *name, *driver;
    json_t *driver_options;      /* or NULL */
    json_t *executables;         /* [{type}] or NULL: whatever the driver can run */
    json_t *storage;             /* [{type}] or NULL: whatever this program can stage */
    struct room capacity;        /* in all */
    int64_t maxcores, maxmemory; /* for one job */
    struct duration duration;    /* of a job that names none */
    struct duration maxduration; /* of any job */
    struct duration horizon;     /* how far ahead starts are offered */
    struct duration lifetime;    /* of an offer */
};

/* doc is valid (check_document); probe is the reply of its driver's probe or NULL. Declared
 * capacity wins over probed; probing fills what is not declared (decisions.md). Keeps references.
 * CODE_CONFIG when neither says how many cores there are. */
int platform_init(struct platform *p, json_t *doc, json_t *probe, struct err *err);
void platform_fini(struct platform *p);

#endif
