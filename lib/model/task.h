/* A task made ready for planning: the canonical document with its numbers, windows and volumes
 * parsed. Amounts are bytes and thousandths of a core; 0 means "not given". */
#ifndef MODEL_TASK_H
#define MODEL_TASK_H

#include "text/err.h"
#include "text/json.h"
#include "text/when.h"

struct compute {
    const char *name, *type;
    int64_t mincores, maxcores;   /* milli-cores */
    int64_t minmemory, maxmemory; /* bytes */
    json_t *extras;               /* list, or NULL */
};

struct storage {
    const char *name, *type;
    json_t *spec;         /* may be NULL */
    const char *location; /* URI, or NULL where the platform provides the room */
    char *derived;        /* the location, when it follows from other keys; else NULL */
    int64_t size;         /* bytes wanted at least */
    bool used_for_write;  /* some volume mounts it rw */
    bool managed;         /* the service makes and deletes it: asked for, or nobody else can */
};

/* "file" or "directory", as its keys say what it is; NULL: what is there decides. */
const char *storage_kind(const struct storage *s);

/* Persistent storage that says not where it is: the platform chooses (Planner 2.2.3). */
bool storage_placed(const struct storage *s);
/* Is this a location at which execdm-stage can make a place, and remove it again? */
bool storage_makeable(const char *location);

struct volume {
    const char *name, *path;
    size_t storage; /* index into the task's storage */
    bool write;
};

/* One entry of datetime. */
struct period {
    bool has_window;
    struct window window;
    bool has_min, has_max;
    struct duration min, max;
};

struct task {
    json_t *doc; /* canonical; everything below borrows from it */
    const char *name;
    const char *type; /* of the executable, or NULL */
    json_t *spec;     /* of the executable, or NULL */
    struct compute compute;
    size_t ncompute; /* how many compute resources were asked for; the first one is parsed */
    struct storage *storage;
    size_t nstorage;
    struct volume *volumes;
    size_t nvolumes;
    struct period *requests; /* none: the service chooses (EP-68) */
    size_t nrequests;
};

/* doc is canonical and valid (check_document); the task keeps a reference. CODE_BUG otherwise. */
int task_init(struct task *t, json_t *doc, struct err *err);
void task_fini(struct task *t);

#define EXEC_TYPES "https://www.purl.org/ivoa.net/executable-types/"
#define STORAGE_TYPES "https://www.purl.org/ivoa.net/storage-types/"
#define RESOURCE_TYPES "https://www.purl.org/ivoa.net/resource-types/"

#endif
