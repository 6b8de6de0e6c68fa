/* What jobs take up on a platform, and what there is of it. */
#ifndef MODEL_ROOM_H
#define MODEL_ROOM_H

#include "text/json.h"

/* Amounts: of cores, of memory, and of things that are counted (a kind of GPU, a flavor). */
struct room {
    int64_t cores, memory; /* milli-cores and bytes */
    json_t *parts;         /* {"name": count}, borrowed; NULL: none */
};

/* As an offer keeps it, {"cores", "memory", "parts"}: a new reference. */
json_t *room_json(struct room r);
/* And back; the parts are borrowed. Nothing is no room at all. */
struct room room_of(const json_t *j);

#endif
