/* Cores, memory and extras: what of it there is, and in which amounts offers may give it. Minima
 * are kept to, and maxima, on both sides (EP-36, EP-37, EP-3B). */
#include "model/load.h"
#include "plan/matching.h"
#include "text/pointer.h"
#include "text/size.h"

#define DEFAULT_CORES 1000       /* of a task that names none: one core */
#define DEFAULT_MEMORY (2 * GIB) /* and the draft's own example of a minimal set (2.2.1) */
#define SPEC "/resources/compute/0/spec"

/* What a job may have: of a scalable platform as little as it wants, of a flavor just that. */
struct supply {
    const char *flavor; /* or NULL */
    int64_t leastcores, cores, leastmemory, memory;
    const json_t *extras;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What one job of this type may have: the platform's limit, and that of the type. */
static int64_t limit(const struct matching *m, const char *key, bool size, int64_t all)
{
    const json_t *v = json_object_get(m->row, key);
    const char *why;
    int64_t most = all;
    if (v && (size ? size_parse(v, false, &most, &why) : cores_parse(v, false, &most, &why)) < 0)
        return all;
    return least(most, all);
}

static struct supply supply_scalable(const struct matching *m)
{
    const struct platform *p = m->platform;
    return (struct supply){.cores = limit(m, "maxcores", false, p->maxcores),
                           .memory = limit(m, "maxmemory", true, p->maxmemory),
                           .extras = p->extras};
}

static struct supply supply_flavor(const struct flavor *f)
{
    return (struct supply){f->name, f->cores, f->cores, f->memory, f->memory, f->extras};
}

/* --- extras --- */

/* Is there at least as much? Numbers are numbers, and sizes with a unit are bytes. 1 more or as
 * much, 0 less, -1 they are no amounts. */
static int reaches(const json_t *there, const json_t *asked)
{
    int64_t a, b;
    const char *why;
    if (json_is_number(there) && json_is_number(asked))
        return json_number_value(there) >= json_number_value(asked);
    if (size_parse(there, false, &a, &why) < 0 || size_parse(asked, true, &b, &why) < 0)
        return -1;
    return a >= b;
}

/* minK is a lower bound of K, maxK an upper one. A number without either is the least that will do,
 * as in the draft's FPGA; of what is no amount only the same will (EP-34). */
static bool satisfies(const json_t *spec, const char *key, const json_t *asked,
                      const json_t **there)
{
    const bool is_min = str_begins(key, "min"), is_max = str_begins(key, "max");
    *there = json_object_get(spec, is_min || is_max ? key + 3 : key);
    if (!*there)
        return false;
    const int up = is_max ? reaches(asked, *there) : reaches(*there, asked);
    return up < 0 ? json_equal(asked, *there) : up;
}

static void match_extra_spec(struct matching *m, const json_t *extra, const json_t *row,
                             const char *pointer)
{
    const char *key;
    json_t *asked;
    const json_t *there;
    json_object_foreach (json_object_get(extra, "spec"), key, asked) {
        struct pointer at = {0};
        if (str_begins(key, "x-") || satisfies(json_object_get(row, "spec"), key, asked, &there))
            continue;
        at.len = (size_t)snprintf(at.text, sizeof(at.text), "%s/spec", pointer);
        pointer_key(&at, key);
        own(str_fini) char *want = json_dumps(asked, JSON_ENCODE_ANY);
        own(str_fini) char *have = there ? json_dumps(there, JSON_ENCODE_ANY) : str_new("unknown");
        const bool bound = str_begins(key, "min") || str_begins(key, "max");
        struct finding *f = match_refuse(m, "extra", at.text,
                                         "a %s with %s %s is asked for, here %s is %s (Planner "
                                         "2.2.1)",
                                         type_short(json_text(row, "type")), key, want,
                                         bound ? key + 3 : key, have);
        const bool shown = json_is_number(asked) || json_is_string(asked);
        finding_amounts(f, shown ? json_incref(asked) : NULL,
                        json_is_number(there) || json_is_string(there) ? json_copy((json_t *)there)
                                                                       : NULL);
    }
}

/* The first item of a type behind as many as there are. */
static char *item_beyond(const json_t *list, const char *type, json_int_t there)
{
    size_t i;
    json_t *extra;
    json_array_foreach (list, i, extra)
        if (str_same(json_text(extra, "type"), type) && there-- == 0)
            break;
    return str_print(SPEC "/extras/%zu", i);
}

/* Every item asks for one; `counts` has how many of its type were asked for, by type. */
static void match_extras(struct matching *m, const struct supply *s, json_t *counts)
{
    const json_t *list = m->task->compute.extras;
    const char *type;
    json_t *count, *extra;
    size_t i;
    json_array_foreach (list, i, extra) {
        own(str_fini) char *pointer = str_print(SPEC "/extras/%zu", i);
        type = json_text(extra, "type");
        const json_t *row = platform_row(s->extras, type);
        if (row) {
            match_extra_spec(m, extra, row, pointer);
            json_object_set_new(counts, type, json_integer(json_int(counts, type, 0) + 1));
            continue;
        }
        finding_amounts(match_refuse(m, "unknown-extra", pointer,
                                     "there is no %s%s%s (Planner "
                                     "2.2.1)",
                                     type_short(type), s->flavor ? " in the flavor " : "",
                                     s->flavor ? s->flavor : ""),
                        json_string(type), match_types(s->extras));
    }
    json_object_foreach (counts, type, count) {
        const json_int_t there = json_int(platform_row(s->extras, type), "count", 1);
        const json_int_t asked = json_integer_value(count);
        own(str_fini) char *pointer = item_beyond(list, type, there);
        if (asked > there)
            finding_amounts(match_refuse(m, "extra", pointer,
                                         "%" JSON_INTEGER_FORMAT
                                         " %s are asked for, a job may have "
                                         "%" JSON_INTEGER_FORMAT " (Planner 2.2.1)",
                                         asked, type_short(type), there),
                            json_integer(asked), json_integer(there));
    }
}

/* --- cores and memory --- */

static char *shown(int64_t amount, bool size)
{
    char text[SIZE_TEXT];
    return size ? str_new(size_print(amount, text)) : str_print("%g", (double)amount / 1000);
}

static void refuse_amount(struct matching *m, const struct supply *s, const char *key, bool most,
                          int64_t asked, int64_t there)
{
    const bool size = strstr(key, "memory") != NULL;
    own(str_fini) char *pointer = str_print(SPEC "/%s", key);
    own(str_fini) char *want = shown(asked, size);
    own(str_fini) char *have = shown(there, size);
    own(str_fini) char *who = s->flavor ? str_print("the nearest flavor, %s, has", s->flavor)
                              : most    ? str_new("a job has at least")
                                        : str_new("a job may have");
    struct finding *f = match_refuse(
        m, size ? "memory" : "cores", pointer, "%s%s %s are asked for, %s %s (Planner 2.2.2)",
        most ? "at most " : "", want, size ? "of memory" : "cores", who, have);
    finding_amounts(f, size ? size_json(asked) : cores_json(asked),
                    size ? size_json(there) : cores_json(there));
}

static void match_amounts(struct matching *m, const struct supply *s)
{
    const struct compute *c = &m->task->compute;
    if (c->mincores > s->cores)
        refuse_amount(m, s, "mincores", false, c->mincores, s->cores);
    if (c->maxcores && c->maxcores < s->leastcores)
        refuse_amount(m, s, "maxcores", true, c->maxcores, s->leastcores);
    if (c->minmemory > s->memory)
        refuse_amount(m, s, "minmemory", false, c->minmemory, s->memory);
    if (c->maxmemory && c->maxmemory < s->leastmemory)
        refuse_amount(m, s, "maxmemory", true, c->maxmemory, s->leastmemory);
}

/* --- in which amounts --- */

static void add_level(struct grant *g, struct level level)
{
    g->levels = mem_grow(g->levels, g->nlevels + 1, sizeof(*g->levels));
    g->levels[g->nlevels++] = level;
}

/* The requested minimum, with what may be used above it; and all that may be used as the minimum,
 * for who would rather wait for that (EP-36, EP-3A). */
static void grant_scalable(struct matching *m, const struct supply *s, json_t *extras)
{
    const struct compute *c = &m->task->compute;
    const int64_t cores = c->maxcores ? least(c->maxcores, s->cores) : s->cores;
    const int64_t memory = c->maxmemory ? least(c->maxmemory, s->memory) : s->memory;
    json_t *parts = json_object_size(extras) ? extras : NULL;
    struct level l = {.mincores = c->mincores ? c->mincores : least(DEFAULT_CORES, cores),
                      .minmemory = c->minmemory ? c->minmemory : least(DEFAULT_MEMORY, memory),
                      .parts = json_incref(parts)};
    l.maxcores = cores > l.mincores ? cores : l.mincores;
    /* without overcommit what is booked is the limit (decisions.md, "What is booked") */
    const int64_t most = memory > l.minmemory ? memory : l.minmemory;
    l.maxmemory = m->platform->overcommit ? most : l.minmemory;
    add_level(m->grant, l);
    const int64_t whole = c->maxmemory ? most : l.maxmemory;
    if (l.maxcores > l.mincores || whole > l.minmemory)
        add_level(m->grant,
                  (struct level){l.maxcores, l.maxcores, whole, whole, json_incref(parts), NULL});
}

/* The findings of a flavor are told of the nearest one: which does the most of what is asked. */
static double distance(const struct findings *f)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++) {
        const double asked = json_number_value(f->list[i].asked);
        const double there = json_number_value(f->list[i].available);
        sum += asked <= 0 || there <= 0 ? 1000 : asked > there ? asked / there : there / asked;
    }
    return sum;
}

static bool is_allowed(const struct matching *m, const struct flavor *f)
{
    return f->cores <= limit(m, "maxcores", false, f->cores) &&
           f->memory <= limit(m, "maxmemory", true, f->memory);
}

/* Flavors that fit, the smallest first: of each just what it has (EP-38). */
static void match_flavors(struct matching *m)
{
    own(findings_fini) struct findings nearest = {0};
    struct findings *told = m->findings;
    for (size_t i = 0; i < m->platform->nflavors; i++) {
        const struct flavor *f = &m->platform->flavors[i];
        const struct supply s = supply_flavor(f);
        own(findings_fini) struct findings here = {0};
        own(json_fini) json_t *extras = json_object();
        if (!is_allowed(m, f))
            continue;
        m->findings = &here;
        match_amounts(m, &s);
        match_extras(m, &s, extras);
        if (here.n == 0)
            add_level(m->grant, (struct level){f->cores, f->cores, f->memory, f->memory,
                                               f->part ? json_pack("{s:i}", f->part, 1) : NULL,
                                               json_object_size(extras) ? move(extras) : NULL});
        else if (nearest.n == 0 || distance(&here) < distance(&nearest)) {
            findings_fini(&nearest);
            findings_move(&nearest, &here);
        }
    }
    m->findings = told;
    if (m->grant->nlevels > 0)
        return;
    if (nearest.n == 0)
        match_refuse(m, "cores", "/executable/type",
                     "no flavor is small enough for a job of type "
                     "%s here (Planner 2.2.2)",
                     type_short(m->task->type));
    findings_move(m->findings, &nearest);
}

static void match_scalable(struct matching *m)
{
    const struct supply s = supply_scalable(m);
    own(json_fini) json_t *extras = json_object();
    const size_t before = m->findings->errors;
    match_amounts(m, &s);
    match_extras(m, &s, extras);
    if (m->findings->errors == before)
        grant_scalable(m, &s, extras);
}

void match_compute(struct matching *m)
{
    const struct compute *c = &m->task->compute;
    if (m->task->ncompute > 1)
        finding_amounts(match_refuse(m, "several-computes", "/resources/compute",
                                     "%zu compute resources are asked for, one is given",
                                     m->task->ncompute),
                        json_integer((json_int_t)m->task->ncompute), json_integer(1));
    if (c->type && !str_same(c->type, RESOURCE_TYPES "generic-compute"))
        finding_amounts(match_refuse(m, "unknown-resource", "/resources/compute/0/type",
                                     "there is no compute resource of type %s (Planner 2.2.1)",
                                     type_short(c->type)),
                        json_string(c->type), json_string(RESOURCE_TYPES "generic-compute"));
    if (m->platform->nflavors)
        match_flavors(m);
    else
        match_scalable(m);
}
