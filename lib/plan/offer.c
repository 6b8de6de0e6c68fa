#include "plan/offer.h"
#include "plan/signals.h"
#include "text/size.h"

/* The task's compute resource, with the amounts that are offered; its extras are those it asked
 * for. */
static json_t *offered_compute(const struct offering *o, const json_t *item)
{
    const struct level *l = o->level;
    json_t *compute = item ? json_deep_copy(item)
                           : json_pack("{s:s,s:s}", "name", "compute-001", "type",
                                       RESOURCE_TYPES "generic-compute");
    json_object_set_new(compute, "spec",
                        json_pack("{s:o,s:o,s:o,s:o,s:O*}", "mincores", cores_json(l->mincores),
                                  "maxcores", cores_json(l->maxcores), "minmemory",
                                  size_json(l->minmemory), "maxmemory", size_json(l->maxmemory),
                                  "extras", o->task->compute.extras));
    return compute;
}

static json_t *offered_resources(const struct offering *o, const char *id)
{
    const json_t *asked = json_object_get(o->task->doc, "resources");
    json_t *resources = asked ? json_deep_copy(asked) : json_object();
    json_t *compute = json_object_get(resources, "compute");
    json_object_set_new(resources, "compute",
                        json_pack("[o]", offered_compute(o, json_array_get(compute, 0))));
    for (size_t i = 0; i < o->task->nstorage; i++) {
        json_t *item = json_array_get(json_object_get(resources, "storage"), i);
        json_t *spec = match_storage_spec(&o->task->storage[i], o->platform, o->state, id, i);
        if (json_object_size(spec) || json_object_get(item, "spec"))
            json_object_set(item, "spec", spec);
        json_decref(spec);
    }
    return resources;
}

/* The executable made definite: the image by its digest, which it may have been named by (an
 * index's, too). */
static json_t *offered_executable(const struct offering *o)
{
    json_t *executable = json_deep_copy(json_object_get(o->task->doc, "executable"));
    json_t *spec = json_object_get(executable, "spec");
    if (o->grant->image.digest[0] && !json_text(spec, "digest"))
        json_object_set_new(spec, "digest", json_string(o->grant->image.digest));
    return executable;
}

/* What who runs it must know of the image that was found. */
static json_t *image_private(const struct grant *g)
{
    return g->image.digest[0] ? json_pack("{s:s,s:I,s:I}", "digest", g->image.digest, "bytes",
                                          (json_int_t)g->bytes, "files", (json_int_t)g->files)
                              : NULL;
}

/* What the driver said of now: it is told, and decides nothing. */
static json_t *present_load(const struct platform *p)
{
    const json_t *load = json_object_get(p->probe, "load");
    json_t *told = load ? json_deep_copy(load) : NULL;
    json_t *as_of = json_object_get(p->probe, "as_of");
    if (told && as_of && !json_object_get(told, "as_of"))
        json_object_set(told, "as_of", as_of);
    return told;
}

/* Is its queue not ours? Then the start is an estimate (decisions.md, "Slot"). */
static json_t *has_queue(const struct offering *o)
{
    const json_t *can = json_object_get(o->platform->probe, "capabilities");
    return json_is_true(json_object_get(can, "queue")) ? json_true() : NULL;
}

static json_t *offer_shown(const struct offering *o, const struct offer_row *row, size_t number,
                           json_t *triggers)
{
    const struct slot *s = o->slot;
    char expires[WHEN_TEXT], window[WINDOW_TEXT], min[WHEN_TEXT], max[WHEN_TEXT];
    const struct window room = {{s->from, 0}, {s->latest, 0}, s->from == s->latest};
    const struct window start = s->instant ? *s->instant : room;
    json_t *advisory =
        json_object_get(json_object_get(o->platform->probe, "capabilities"), "advisory");
    return json_pack(
        "{s:s,s:o,s:s*,s:s,s:s,s:o,s:o,s:[{s:s,s:s,s:s}],s:[O],s:O*,s:o*,s:o*,s:o*,s:o*,s:n,s:n}",
        "id", row->id, "name", json_sprintf("offer-%03zu", number), "task", o->task->name,
        "platform", o->platform->name, "expires", when_print(when_of_ms(row->expires), expires),
        "executable", offered_executable(o), "resources", offered_resources(o, row->id), "datetime",
        "start", window_print(start, window), "minduration",
        duration_print(duration_of(s->minlength), min), "maxduration",
        duration_print(duration_of(s->length), max), "authentication", o->policy->who.method,
        "advisory", advisory, "estimate", has_queue(o), "load", present_load(o->platform),
        "triggers", triggers, "callouts", signals_callouts(o->task), "accept", "job");
}

struct room offer_need(const struct level *l)
{
    return (struct room){l->mincores, l->minmemory, l->parts};
}

/* The names of storage that is where the platform has it. A new reference, NULL for none. */
static json_t *placed(const struct task *t)
{
    json_t *names = NULL;
    for (size_t i = 0; i < t->nstorage; i++) {
        if (!storage_placed(&t->storage[i]))
            continue;
        names = names ? names : json_array();
        json_array_append_new(names, json_string(t->storage[i].name));
    }
    return names;
}

/* What accept needs and no client sends back. */
static json_t *offer_private(const struct offering *o, json_t *secrets)
{
    const struct slot *s = o->slot;
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:o,s:o,s:s,s:O*,s:o*,s:o*,s:o*,s:o*,s:O*,s:o*}", "from",
        (json_int_t)s->from, "latest", (json_int_t)s->latest, "to", (json_int_t)s->to, "length",
        (json_int_t)s->length, "need", room_json(offer_need(o->level)), "maxmemory",
        (json_int_t)o->level->maxmemory, "maxcores", (json_int_t)o->level->maxcores, "capacity",
        room_json(o->platform->capacity), "policy", policy_private(o->policy, o->quota), "driver",
        o->platform->driver, "driver_options", o->platform->driver_options, "secrets", secrets,
        "held", s->held ? json_true() : NULL, "image", image_private(o->grant), "queue",
        has_queue(o), "extras", o->level->extras, "placed", placed(o->task));
}

json_t *offer_document(const struct offering *o, const struct offer_row *row, size_t number)
{
    json_t *secrets, *triggers = signals_triggers(o->task, o->policy, row->id, &secrets);
    return json_pack("{s:o,s:o}", "offer", offer_shown(o, row, number, triggers), "private",
                     offer_private(o, secrets));
}
