/* What platforms there are, as a task's planner sees them (PRD-05, PRD-12). */
#include "handlers.h"
#include "host/clock.h"
#include "page.h"
#include "plan/ask.h"
#include "platform.h"
#include "store/timeline.h"
#include "text/size.h"

static void copy_key(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value)
        json_object_set_new(to, key, json_deep_copy(value));
}

/* As the provider wrote it, without what is only for drivers, says who else may use it, or where
 * things lie on this machine. */
static json_t *public_part(const json_t *doc)
{
    static const char *const keys[] = {"name",    "description", "location",
                                       "driver",  "executables", "compute",
                                       "storage", "datetime",    "offers"};
    json_t *shown = json_object(), *row;
    size_t i;
    for (i = 0; i < COUNT(keys); i++)
        copy_key(shown, doc, keys[i]);
    json_array_foreach (json_object_get(shown, "storage"), i, row)
        json_object_del(row, "location");
    return shown;
}

/* How much there is in all, which the driver may have had to say. */
static void add_capacity(json_t *shown, const struct platform *platform)
{
    json_t *compute = json_object_get(shown, "compute");
    if (!compute) {
        compute = json_object();
        json_object_set_new(shown, "compute", compute);
    }
    if (platform->capacity.cores > 0)
        json_object_set_new(compute, "cores", cores_json(platform->capacity.cores));
    if (platform->capacity.memory > 0)
        json_object_set_new(compute, "memory", size_json(platform->capacity.memory));
}

static int add_load(struct service *s, json_t *shown, const struct platform *platform,
                    struct err *err)
{
    struct load load;
    struct store *store = service_store(s, err);
    if (!store || store_load(store, json_text(shown, "name"), &load, err) < 0)
        return -1;
    const json_t *probe = platform ? platform->probe : NULL;
    const json_t *said = json_object_get(probe, "load");
    json_t *row = said ? json_deep_copy(said) : json_object();
    if (said && !json_object_get(row, "as_of"))
        copy_key(row, probe, "as_of");
    json_object_set_new(row, "running", json_integer(load.running));
    json_object_set_new(row, "waiting", json_integer(load.jobs - load.running));
    json_object_set_new(row, "cores", cores_json(load.cores));
    json_object_set_new(row, "memory", size_json(load.memory));
    json_object_set_new(shown, "load", row);
    return 0;
}

/* Why it cannot be used now; a new string, NULL when it can. */
static char *trouble_of(const struct service *s, const struct policy *policy,
                        const struct platform_seen *seen)
{
    own(findings_fini) struct findings findings = {0};
    if (!seen->platform)
        return str_new(s->administers ? seen->trouble : ASK_TROUBLE);
    return policy_allows(policy, seen->platform, &findings) ? NULL : str_new(findings.list[0].text);
}

static int add_platform(struct service *s, const struct policy *policy,
                        const struct platform_seen *seen, json_t *list, struct err *err)
{
    own(str_fini) char *trouble = trouble_of(s, policy, seen);
    json_t *shown = public_part(seen->doc);
    json_array_append_new(list, shown);
    if (seen->platform)
        add_capacity(shown, seen->platform);
    json_object_set_new(shown, "available", json_boolean(!trouble));
    if (trouble)
        json_object_set_new(shown, "trouble", json_string(trouble));
    return add_load(s, shown, seen->platform, err);
}

int platform_list(struct service *s, const char *name, json_t **list, struct err *err)
{
    const struct asked asked = {0};
    own(policy_close) struct policy policy = {0};
    own(ask_close) struct ask ask = {0};
    own(json_fini) json_t *found = json_array();
    struct model *model = service_model(s, err);
    struct store *store = model ? service_store(s, err) : NULL;
    if (!store || ask_open(&ask, model, store, &asked, err) < 0)
        return -1;
    policy_of(&policy, s->site, &s->who);
    struct platform_seen seen;
    for (size_t at = 0; ask_look(&ask, &at, &seen);)
        if (seen.doc && (!name || str_same(name, seen.name)) &&
            (s->administers || policy_admits(&policy, seen.doc)) &&
            add_platform(s, &policy, &seen, found, err) < 0)
            return -1;
    *list = move(found);
    return 0;
}

int serve_platforms(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *list = NULL;
    if (platform_list(s, NULL, &list, err) < 0)
        return -1;
    if (r->format == FORMAT_HTML)
        return page_platforms(s, p, list, err);
    own(json_fini) json_t *doc = json_pack("{s:O}", "platforms", list);
    reply_document(p, r, doc);
    return 0;
}

int serve_platform(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *list = NULL;
    if (platform_list(s, r->segments[0], &list, err) < 0)
        return -1;
    if (json_array_size(list) == 0)
        return reply_refuse(p, 404, "there is no platform %.63s", r->segments[0]);
    if (r->format == FORMAT_HTML)
        return page_platform(s, p, json_array_get(list, 0), err);
    reply_document(p, r, json_array_get(list, 0));
    return 0;
}
