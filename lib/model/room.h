/* What jobs take up on a platform, and what there is of it. */
#ifndef MODEL_ROOM_H
#define MODEL_ROOM_H

#include "text/json.h"

/* Amounts: of cores, of memory, and of things that are counted (a kind of GPU, a flavor). */
struct room {
    int64_t cores, memory; /* milli-cores and bytes */
    json_t *parts;         /* {"name": count}, borrowed; NULL: none */
};

/* What the part of a flavor is called by, before its name; all others are extras, by their type. */
#define PART_FLAVOR "flavor/"

/* As an offer keeps it, {"cores", "memory", "parts"}: a new reference. */
json_t *room_json(struct room r);
/* And back; the parts are borrowed. Nothing is no room at all. */
struct room room_of(const json_t *j);
/* Its cores for so many seconds, in milli-core seconds; at most what can be counted. */
int64_t room_core_time(struct room r, int64_t length);

#endif
