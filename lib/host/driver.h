/* Talking to a driver: a program that knows one kind of backend (execdm-driver(7)). */
#ifndef HOST_DRIVER_H
#define HOST_DRIVER_H

#include "host/spawn.h"
#include "text/json.h"

/* Calls one verb. config is the platform's driver-options or NULL; lines is a list of objects, one
 * per job, each with an id. On success the replies, a list of the same length and order, are a new
 * reference in *replies and 0 is returned. Otherwise -1:
 *   CODE_UNAVAIL  no such driver, or its backend is down     CODE_TEMP  nothing was done, try later
 *   CODE_CONFIG   its configuration is wrong                 CODE_USAGE  it has no such verb
 *   CODE_PROTO    outcome unknown: ask `find` before doing anything again */
int driver_call(const char *driver, const char *verb, const json_t *config, json_t *lines,
                int deadline_s, json_t **replies, struct err *err);

/* The same in two halves, so that several drivers think side by side: driver_begin starts it, and
 * keeps lines until the end; spawn_serve(&call->run) serves it; driver_end answers as driver_call.
 * A call that could not begin says so at its end. Not to be moved in between. */
struct driver_call {
    char *driver, *verb, *path, *input, *argv[3];
    json_t *lines;
    struct spawn run;
    struct err err;
    bool failed;
};
void driver_begin(struct driver_call *call, const char *driver, const char *verb,
                  const json_t *config, json_t *lines, int deadline_s);
int driver_end(struct driver_call *call, json_t **replies, struct err *err);
void driver_call_fini(struct driver_call *call); /* one that still runs is ended */

#endif
