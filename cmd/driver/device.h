/* GPUs and other things of this machine that are device files: found, and given to one attempt at a
 * time (Planner 2.2.1, "extras"). */
#ifndef DRIVER_DEVICE_H
#define DRIVER_DEVICE_H

#include "host/sandbox.h"
#include "text/json.h"

/* Is `devices` of driver-options as it must be? CODE_CONFIG. */
int device_check(const json_t *config, struct err *err);
/* Adds `extras` to the `facts` of a probe: each type that there is, how many, and what they have.
 */
void device_facts(json_t *facts, const json_t *config);

/* What an attempt has: nobody else gets it while `locks` are open. */
struct devices {
    struct strs nodes; /* the files, each once */
    struct strs env;   /* NAME=value */
    int *locks;
    size_t nlocks;
};

/* Takes as many as `extras` says, a mapping from types to numbers, and waits a little for those
 * that are in use. CODE_TEMP when they stay so, or when what finds them fails. Of a type that no
 * device is known of nothing is taken: such are only counted. For devices_fini. */
int devices_take(struct devices *d, const json_t *extras, const json_t *config, struct err *err);
void devices_fini(struct devices *d);

#endif
