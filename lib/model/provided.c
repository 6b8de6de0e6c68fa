/* Rules about what a provider wrote: a platform must not contradict itself (execdm-platform(5)). */
#include "model/platform.h"
#include "model/rules.h"
#include "model/task.h"
#include "text/pointer.h"
#include "text/size.h"

static void contradiction(struct ruling *r, const char *pointer, const char *key, const char *fmt,
                          ...) PRINTF(4, 5);

static void contradiction(struct ruling *r, const char *pointer, const char *key, const char *fmt,
                          ...)
{
    va_list ap;
    own(str_fini) char *at = str_print("%s%s%s", pointer, *key ? "/" : "", key);
    va_start(ap, fmt);
    finding_vadd(r->findings, FINDING_ERROR, "contradiction", at, fmt, ap);
    va_end(ap);
}

/* What a platform lists is limited by what it says of all. */
static void check_within(struct ruling *r, const json_t *row, const char *pointer, const char *key,
                         const json_t *all, const char *limit)
{
    const json_t *value = json_object_get(row, key), *most = json_object_get(all, limit);
    own(json_fini) json_t *both = json_object();
    own(str_fini) char *name = str_print("the platform's %s", limit);
    if (!value || !most)
        return;
    json_object_set(both, key, (json_t *)value);
    json_object_set(both, name, (json_t *)most);
    rules_pair(r, both, pointer, key, name, "");
}

/* A bracket that is not closed makes fnmatch(3) look for the bracket itself. */
static bool closes(const char *pattern)
{
    while ((pattern = strchr(pattern, '['))) {
        const char *end = pattern[1] ? strchr(pattern + 2, ']') : NULL;
        if (!end)
            return false;
        pattern = end;
    }
    return true;
}

static void check_patterns(struct ruling *r, const json_t *row, const char *pointer,
                           const char *key)
{
    size_t i;
    json_t *pattern;
    const json_t *list = json_object_get(row, key);
    if (list && json_array_size(list) == 0)
        contradiction(r, pointer, key, "no image can match a list without patterns");
    json_array_foreach (list, i, pattern) {
        const char *text = json_string_value(pattern);
        own(str_fini) char *item = str_print("%s/%zu", key, i);
        if (!closes(text))
            contradiction(r, pointer, item,
                          "\"%s\" matches nothing, expected ] after its [ (see glob(7))", text);
        else if (strspn(text, " \t\r\n") == strlen(text) || strpbrk(text, " \t\r\n"))
            contradiction(r, pointer, item,
                          "\"%s\" matches nothing, names of images have no blanks", text);
    }
}

static void rule_executables(struct ruling *r)
{
    static const char *const images[] = {"images", "registries", "bases",
                                         "digest", "maxsize",    "maxfiles"};
    const json_t *compute = json_object_get(r->doc, "compute");
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(r->doc, "executables"), i, row) {
        own(str_fini) char *at = str_print("/executables/%zu", i);
        const char *type = json_text(row, "type");
        check_patterns(r, row, at, "images");
        check_patterns(r, row, at, "registries");
        for (size_t k = 0; k < COUNT(images); k++)
            if (json_object_get(row, images[k]) && !str_same(type, EXEC_TYPES "oci-container") &&
                typed_own(r->model, row))
                contradiction(r, at, images[k], "%s is for images, and a %s has none", images[k],
                              type_short(type));
        rules_amounts(r, row, at);
        rules_length(r, row, at, "maxduration", "");
        check_within(r, row, at, "maxcores", compute, "maxcores");
        check_within(r, row, at, "maxcores", compute, "cores");
        check_within(r, row, at, "maxmemory", compute, "maxmemory");
        check_within(r, row, at, "maxmemory", compute, "memory");
        check_within(r, row, at, "maxduration", json_object_get(r->doc, "datetime"), "maxduration");
    }
}

/* A task asks for minmemory, and what is there is its memory. */
static void check_supply(struct ruling *r, const json_t *list, const char *pointer)
{
    size_t i;
    json_t *row, *value;
    const char *key;
    rules_unique(r, list, pointer, "type", "duplicate-type", "only one of them would count");
    json_array_foreach (list, i, row)
        json_object_foreach (json_object_get(row, "spec"), key, value)
            if (str_begins(key, "min") || str_begins(key, "max")) {
                own(str_fini) char *at = str_print("%s/%zu/spec", pointer, i);
                contradiction(r, at, key, "%s is what a task asks for, expected what there is: %s",
                              key, key + 3);
            }
}

static void rule_flavors(struct ruling *r)
{
    static const char *const fixed[] = {"maxcores", "maxmemory", "overcommit", "extras"};
    const json_t *compute = json_object_get(r->doc, "compute");
    const json_t *flavors = json_object_get(compute, "flavors");
    const char *model = json_text(compute, "model");
    size_t i;
    json_t *row;
    if (str_same(model, "flavors") && json_array_size(flavors) == 0)
        contradiction(r, "/compute", flavors ? "flavors" : "model",
                      "the model is flavors, and there are none; list some at \"flavors\"");
    if (str_same(model, "scalable") && flavors)
        contradiction(r, "/compute", "flavors", "the model is scalable, which has no flavors");
    for (size_t k = 0; k < COUNT(fixed); k++)
        if (json_array_size(flavors) && json_object_get(compute, fixed[k]))
            contradiction(r, "/compute", fixed[k],
                          "%s is of the scalable model; each flavor says what a job has", fixed[k]);
    rules_unique(r, flavors, "/compute/flavors", "name", "duplicate-name",
                 "names are unique in a section");
    json_array_foreach (flavors, i, row) {
        own(str_fini) char *at = str_print("/compute/flavors/%zu", i);
        own(str_fini) char *extras = str_print("%s/extras", at);
        rules_amounts(r, row, at);
        check_within(r, row, at, "cores", compute, "cores");
        check_within(r, row, at, "memory", compute, "memory");
        check_supply(r, json_object_get(row, "extras"), extras);
    }
}

static void rule_compute(struct ruling *r)
{
    json_t *compute = json_object_get(r->doc, "compute");
    rules_pair(r, compute, "/compute", "maxcores", "cores", "");
    rules_pair(r, compute, "/compute", "maxmemory", "memory", "");
    rules_amounts(r, compute, "/compute");
    check_supply(r, json_object_get(compute, "extras"), "/compute/extras");
}

static void check_opening(struct ruling *r, const json_t *row, const char *pointer)
{
    struct window w;
    struct duration repeat;
    const char *start = json_text(row, "start"), *again = json_text(row, "repeat"), *why;
    if (window_parse(start, &w, NULL, &why) < 0)
        return; /* its format has said so */
    if (w.instant || when_compare(w.to, w.from) <= 0)
        contradiction(r, pointer, "start",
                      "%s is over when it begins, expected start/end or start/duration", start);
    rules_length(r, row, pointer, "repeat", "");
    if (!w.instant && again && duration_parse(again, &repeat, NULL, &why) == 0 &&
        when_compare(when_add(w.from, repeat), w.from) > 0 &&
        when_compare(when_add(w.from, repeat), w.to) < 0)
        contradiction(r, pointer, "repeat", "%s is shorter than the window %s itself", again,
                      start);
}

static void rule_times(struct ruling *r)
{
    const json_t *datetime = json_object_get(r->doc, "datetime");
    const json_t *windows = json_object_get(datetime, "windows");
    size_t i;
    json_t *row;
    rules_pair(r, datetime, "/datetime", "duration", "maxduration", "");
    rules_length(r, datetime, "/datetime", "duration", "");
    rules_length(r, datetime, "/datetime", "maxduration", "");
    rules_length(r, datetime, "/datetime", "horizon", "");
    rules_length(r, json_object_get(r->doc, "offers"), "/offers", "lifetime", "");
    if (windows && json_array_size(windows) == 0)
        contradiction(r, "/datetime", "windows", "without any window it is never open");
    json_array_foreach (windows, i, row) {
        own(str_fini) char *at = str_print("/datetime/windows/%zu", i);
        check_opening(r, row, at);
    }
}

/* Below a location places are made for jobs, and deleted (Planner 2.2.3). */
static void check_place(struct ruling *r, const json_t *row, const char *at)
{
    const char *location = json_text(row, "location");
    if (!location)
        return;
    if (!str_same(json_text(row, "type"), STORAGE_TYPES "persistent-storage"))
        contradiction(r, at, "location",
                      "only persistent storage gets its place from the platform");
    else if (!storage_makeable(location))
        contradiction(r, at, "location",
                      "no place can be made and deleted at %s, expected file:, http:, https:, s3: "
                      "or vos:",
                      location);
}

static void rule_storage(struct ruling *r)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(r->doc, "storage"), i, row) {
        own(str_fini) char *at = str_print("/storage/%zu", i);
        rules_amounts(r, row, at);
        if (str_same(json_text(row, "lifecycle"), "unmanaged") &&
            json_object_get(row, "maxlifetime"))
            contradiction(r, at, "maxlifetime",
                          "what is unmanaged is never deleted here, so it has no maxlifetime");
        check_place(r, row, at);
    }
}

static void rule_types(struct ruling *r)
{
    static const char *const typed[] = {"/executables", "/storage"};
    for (size_t i = 0; i < COUNT(typed); i++)
        rules_unique(r, pointer_find(r->doc, typed[i]), typed[i], "type", "duplicate-type",
                     "only one of them would count");
}

void rules_platform(const struct model *m, json_t *doc, struct findings *findings)
{
    static void (*const rules[])(struct ruling *) = {
        rule_types, rule_executables, rule_compute, rule_flavors, rule_storage, rule_times,
    };
    struct ruling r = {.model = m, .doc = doc, .findings = findings};
    for (size_t i = 0; i < COUNT(rules); i++)
        rules[i](&r);
}

/* A quota that limits nothing, or nobody, is a mistake that would let everybody pass. */
static void rule_quotas(struct ruling *r)
{
    static const char *const limits[] = {"cores", "memory", "jobs", "hours"};
    size_t i;
    json_t *quota;
    json_array_foreach (pointer_find(r->doc, "/policy/quotas"), i, quota) {
        own(str_fini) char *at = str_print("/policy/quotas/%zu", i);
        const json_t *platforms = json_object_get(quota, "platforms");
        size_t n = 0;
        for (size_t k = 0; k < COUNT(limits); k++)
            n += json_object_get(quota, limits[k]) != NULL;
        if (n == 0)
            contradiction(r, at, "", "it limits nothing, expected cores, memory, jobs or hours");
        if (json_object_get(quota, "identity") && json_object_get(quota, "group"))
            contradiction(r, at, "group", "it is for an identity and for a group, expected one");
        if (platforms && json_array_size(platforms) == 0)
            contradiction(r, at, "platforms", "it is for none, expected one at least");
    }
}

void rules_configuration(const struct model *m, json_t *doc, struct findings *findings)
{
    struct ruling r = {.model = m, .doc = doc, .findings = findings};
    rule_quotas(&r);
    rules_unique(&r, json_object_get(doc, "planners"), "/planners", "name", "duplicate-name",
                 "nobody could tell which is meant");
}
