/* A platform made ready for planning: its document, with what it leaves open filled in. */
#ifndef MODEL_PLATFORM_H
#define MODEL_PLATFORM_H

#include "model/room.h"
#include "text/err.h"
#include "text/json.h"
#include "text/when.h"

/* A size in which compute resources are given (Planner 2.2.2). */
struct flavor {
    const char *name;
    int64_t cores, memory;
    json_t *extras; /* [{type, count, spec}] that each of them has, or NULL */
    char *part;     /* what it is called among the parts of a room; NULL: not counted */
};

/* When jobs may run. */
struct opening {
    struct when from, to;
    bool repeats;
    struct duration repeat;
};

struct platform {
    json_t *doc;   /* everything below borrows from it */
    json_t *probe; /* what its driver said just now, or NULL */
    const char *name, *driver;
    json_t *driver_options;      /* or NULL */
    json_t *executables;         /* [{type, images...}] or NULL: whatever the driver can run */
    json_t *storage;             /* [{type...}] or NULL: whatever this program can stage */
    json_t *extras;              /* [{type, count, spec}], or NULL */
    struct flavor *flavors;      /* the smallest first; none: scalable */
    size_t nflavors;             /* */
    struct room capacity;        /* in all; its parts are extras and flavors (room.h) */
    int64_t maxcores, maxmemory; /* for one job */
    bool overcommit;             /* memory beyond what is booked may be used */
    struct opening *openings;    /* none: always open */
    size_t nopenings;            /* */
    struct duration duration;    /* of a job that names none */
    struct duration maxduration; /* of any job */
    struct duration horizon;     /* how far ahead starts are offered */
    struct duration lifetime;    /* of an offer */
    size_t maxoffers;            /* in one answer */
};

/* doc is valid (check_document); probe is the reply of its driver's probe or NULL. Declared
 * capacity wins over probed; probing fills what is not declared (decisions.md). Keeps references.
 * CODE_CONFIG when neither says how many cores there are. */
int platform_init(struct platform *p, json_t *doc, json_t *probe, struct err *err);
void platform_fini(struct platform *p);

/* The row of a list of {type} with this type, or NULL. */
json_t *platform_row(const json_t *list, const char *type);

#endif
