/* Talking to a driver: a program that knows one kind of backend (execdm-driver(7)). */
#ifndef HOST_DRIVER_H
#define HOST_DRIVER_H

#include "text/err.h"
#include "text/json.h"

/* Calls one verb. config is the platform's driver-options or NULL; lines is a list of objects, one
 * per job, each with an id. On success the replies, a list of the same length and order, are a new
 * reference in *replies and 0 is returned. Otherwise -1:
 *   CODE_UNAVAIL  no such driver, or its backend is down     CODE_TEMP  nothing was done, try later
 *   CODE_CONFIG   its configuration is wrong                 CODE_USAGE  it has no such verb
 *   CODE_PROTO    outcome unknown: ask `find` before doing anything again */
int driver_call(const char *driver, const char *verb, const json_t *config, json_t *lines,
                int deadline_s, json_t **replies, struct err *err);

#endif
