#include "model/room.h"

json_t *room_json(struct room r)
{
    return json_pack("{s:I,s:I,s:O*}", "cores", (json_int_t)r.cores, "memory", (json_int_t)r.memory,
                     "parts", r.parts);
}

struct room room_of(const json_t *j)
{
    return (struct room){json_int(j, "cores", 0), json_int(j, "memory", 0),
                         json_object_get(j, "parts")};
}

int64_t room_core_time(struct room r, int64_t length)
{
    int64_t time;
    return __builtin_mul_overflow(r.cores, length, &time) ? INT64_MAX / 2 : time;
}
