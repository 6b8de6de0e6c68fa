#include "model/load.h"
#include "plan/matching.h"
#include "text/buf.h"

struct finding *match_refuse(struct matching *m, const char *rule, const char *pointer,
                             const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct finding *f = finding_vadd(m->findings, FINDING_ERROR, rule, pointer, fmt, ap);
    va_end(ap);
    return f;
}

json_t *match_types(const json_t *list)
{
    own(buf_fini) struct buf b = {0};
    size_t i;
    json_t *row;
    json_array_foreach (list, i, row)
        buf_print(&b, "%s%s", i ? ", " : "", type_short(json_text(row, "type")));
    return json_string(b.bytes ? b.bytes : "none");
}

/* What this planner cannot do for a job is refused, never dropped. */
static void match_rest(struct matching *m)
{
    if (json_array_size(json_object_get(m->task->doc, "authentication")))
        match_refuse(m, "authentication", "/authentication",
                     "none of the authentication methods is recognised (Planner 2.3)");
}

typedef void part(struct matching *);

/* True when none of the parts refuses it. */
static bool match_parts(struct matching *m, part *const parts[], size_t n)
{
    const size_t before = m->findings->errors;
    for (size_t i = 0; i < n; i++)
        parts[i](m);
    if (m->findings->errors != before)
        grant_fini(m->grant);
    return m->findings->errors == before;
}

bool match_platform(const struct task *task, const struct platform *platform,
                    const struct store *store, const struct policy *policy, json_t *documents,
                    struct grant *grant, struct findings *findings)
{
    static part *const parts[] = {
        match_executable, match_dependencies, match_compute, match_storage, match_rest,
    };
    struct matching m = {.task = task,
                         .platform = platform,
                         .row = platform_row(platform->executables, task->type),
                         .store = store,
                         .identity = policy->who.name,
                         .policy = policy,
                         .documents = documents,
                         .grant = grant,
                         .findings = findings};
    const char *limit = json_text(m.row, "maxduration"), *why;
    *grant = (struct grant){.maxduration = platform->maxduration};
    if (limit)
        duration_parse(limit, &grant->maxduration, NULL, &why);
    return match_parts(&m, parts, COUNT(parts));
}

bool match_image(const struct task *task, const struct platform *platform,
                 const struct store *store, const struct policy *policy, json_t *documents,
                 struct grant *grant, struct findings *findings)
{
    static part *const parts[] = {match_executable};
    struct matching m = {.task = task,
                         .platform = platform,
                         .row = platform_row(platform->executables, task->type),
                         .store = store,
                         .identity = policy->who.name,
                         .policy = policy,
                         .documents = documents,
                         .grant = grant,
                         .findings = findings};
    *grant = (struct grant){0};
    return match_parts(&m, parts, COUNT(parts));
}

void grant_fini(struct grant *g)
{
    for (size_t i = 0; i < g->nlevels; i++) {
        json_decref(g->levels[i].parts);
        json_decref(g->levels[i].extras);
    }
    free(g->levels);
    image_fini(&g->image);
    *g = (struct grant){0};
}
