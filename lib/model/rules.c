/* What no schema can say: values that must agree with each other (model.md, "Semantic rules"). */
#include "model/rules.h"
#include "model/signal.h"
#include "text/size.h"
#include "text/when.h"
#include "text/write.h"

struct finding *rules_break(struct ruling *r, const char *rule, const char *pointer,
                            const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct finding *f = finding_vadd(r->findings, FINDING_ERROR, rule, pointer, fmt, ap);
    va_end(ap);
    return f;
}

/* Is min above max? Numbers, sizes and durations compare; of whatever else nothing is said. */
static bool exceeds(const json_t *min, const json_t *max)
{
    struct duration low, high;
    int64_t a, b;
    const char *why;
    if (json_is_integer(min) && json_is_integer(max))
        return json_integer_value(min) > json_integer_value(max);
    if (json_is_number(min) && json_is_number(max))
        return json_number_value(min) > json_number_value(max);
    /* Rounded the same way: 0.1 GiB, no whole number of bytes, does not exceed 0.1 GiB. */
    if (size_parse(min, true, &a, &why) == 0 && size_parse(max, true, &b, &why) == 0)
        return a > b;
    if (!json_is_string(min) || !json_is_string(max) ||
        duration_parse(json_string_value(min), &low, NULL, &why) < 0 ||
        duration_parse(json_string_value(max), &high, NULL, &why) < 0)
        return false;
    return duration_seconds(low, (struct when){0}) > duration_seconds(high, (struct when){0});
}

void rules_pair(struct ruling *r, const json_t *object, const char *pointer, const char *min,
                const char *max, const char *clause)
{
    const json_t *low = json_object_get(object, min), *high = json_object_get(object, max);
    if (!low || !high || !exceeds(low, high))
        return;
    own(str_fini) char *at = str_print("%s/%s", pointer, min);
    own(str_fini) char *less = write_string(low);
    own(str_fini) char *more = write_string(high);
    rules_break(r, "min-exceeds-max", at, "%s is %s, must not exceed %s %s%s", min, less, max, more,
                clause);
}

/* Whatever is called minX has a maxX above it, also in the types of a site. */
static void check_pairs(struct ruling *r, json_t *object, const char *pointer, const char *clause)
{
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        if (!str_begins(key, "min"))
            continue;
        own(str_fini) char *max = str_print("max%s", key + 3);
        rules_pair(r, object, pointer, key, max, clause);
    }
}

/* The planner counts in thousandths of a core and in bytes, and takes none of them for "not given".
 * What it cannot count is no amount either. */
static void check_amount(struct ruling *r, const json_t *v, const char *pointer, const char *key,
                         bool cores)
{
    int (*parse)(const json_t *, bool, int64_t *, const char **) = cores ? cores_parse : size_parse;
    int64_t down = 0, up = 0;
    const char *why;
    bool is_max = !str_begins(key, "min") && !str_same(key, "size");
    bool counts = parse(v, false, &down, &why) == 0;
    /* In a site's type the word may mean another thing. */
    if (!counts && (!json_is_number(v) || json_number_value(v) < 0))
        return;
    const bool uncounted = !counts || parse(v, true, &up, &why) < 0;
    if (!uncounted && !(is_max && down == 0))
        return;
    own(str_fini) char *at = str_print("%s/%s", pointer, key);
    own(str_fini) char *said = write_string(v);
    if (uncounted)
        rules_break(r, "out-of-range", at, "%s is %s, more than can be counted", key, said);
    else
        rules_break(r, "too-small", at, "%s is %s, expected at least %s (Planner 2.2.2)", key, said,
                    cores ? "a thousandth of a core" : "one byte");
}

void rules_amounts(struct ruling *r, json_t *object, const char *pointer)
{
    static const struct {
        const char *key;
        bool cores;
    } amounts[] = {
        {"mincores", true},   {"maxcores", true},   {"cores", true},
        {"minmemory", false}, {"maxmemory", false}, {"minsize", false},
        {"maxsize", false},   {"size", false},      {"memory", false},
    };
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value)
        for (size_t i = 0; i < COUNT(amounts); i++)
            if (strcmp(key, amounts[i].key) == 0)
                check_amount(r, value, pointer, key, amounts[i].cores);
}

static void visit_amounts(void *context, json_t *item, const char *area, struct pointer *at)
{
    struct ruling *r = context;
    json_t *spec = json_object_get(item, "spec");
    if (!spec || typed_foreign(r->model, item))
        return;
    const size_t up = pointer_key(at, "spec");
    check_pairs(r, spec, at->text,
                str_same(area, "storage") ? " (Planner 2.2.3)" : " (Planner 2.2.2)");
    rules_amounts(r, spec, at->text);
    pointer_up(at, up);
}

static void rule_amounts(struct ruling *r)
{
    size_t i;
    json_t *item;
    typed_each(r->model, r->doc, visit_amounts, r);
    json_array_foreach (json_object_get(r->doc, "datetime"), i, item) {
        own(str_fini) char *at = str_print("/datetime/%zu", i);
        check_pairs(r, item, at, " (Planner 2.4)");
    }
}

/* No two items of a list have the same value at a key. */
void rules_unique(struct ruling *r, const json_t *list, const char *pointer, const char *key,
                  const char *rule, const char *fault)
{
    own(json_fini) json_t *seen = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_text(json_array_get(list, i), key);
        if (name && json_object_get(seen, name)) {
            own(str_fini) char *at = str_print("%s/%zu/%s", pointer, i, key);
            rules_break(r, rule, at, "the %s \"%s\" is given twice, %s", key, name, fault);
        } else if (name) {
            json_object_set_new(seen, name, json_true());
        }
    }
}

static void check_names(struct ruling *r, const json_t *list, const char *pointer)
{
    rules_unique(r, list, pointer, "name", "duplicate-name", "names are unique in a section");
}

static void rule_names(struct ruling *r)
{
    static const char *const sections[] = {"/resources/compute", "/resources/storage",
                                           "/authentication", "/triggers", "/callouts"};
    size_t i;
    json_t *item;
    for (size_t k = 0; k < COUNT(sections); k++)
        check_names(r, pointer_find(r->doc, sections[k]), sections[k]);
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), i, item) {
        own(str_fini) char *volumes = str_print("/resources/compute/%zu/volumes", i);
        own(str_fini) char *extras = str_print("/resources/compute/%zu/spec/extras", i);
        check_names(r, json_object_get(item, "volumes"), volumes);
        if (!typed_foreign(r->model, item))
            check_names(r, pointer_find(r->doc, extras), extras);
    }
}

/* One value of a trigger, like COMPLETED, either starts or cancels. `actions` has what it did
 * first: value -> action. */
static void check_condition(struct ruling *r, json_t *actions, const json_t *condition,
                            const char *pointer)
{
    const char *list = json_text(condition, "value"), *action = json_text(condition, "action");
    while (list && action && *list) {
        const size_t n = strcspn(list, ",");
        own(str_fini) char *value = str_print("%.*s", (int)n, list);
        const char *before = json_text(actions, value);
        list += n + (list[n] == ',');
        if (n && !before) {
            json_object_set_new(actions, value, json_string(action));
        } else if (n && !str_same(before, action)) {
            rules_break(r, "contradicting-conditions", pointer,
                        "%s: %s both starts and cancels the job, expected one of them (Planner "
                        "2.5.1)",
                        json_text(condition, "name"), value);
            return; /* the others would be told of the same condition */
        }
    }
}

static void check_conditions(struct ruling *r, const json_t *list, const char *pointer)
{
    own(json_fini) json_t *names = json_object(); /* -> value -> action */
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *condition = json_array_get(list, i);
        const char *name = json_text(condition, "name");
        if (!name)
            continue;
        if (!json_object_get(names, name))
            json_object_set_new(names, name, json_object());
        own(str_fini) char *at = str_print("%s/%zu/value", pointer, i);
        check_condition(r, json_object_get(names, name), condition, at);
    }
}

static void rule_conditions(struct ruling *r)
{
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(r->doc, "triggers"), i, item) {
        own(str_fini) char *at = str_print("/triggers/%zu/spec/conditions", i);
        if (typed_own(r->model, item))
            check_conditions(r, pointer_find(r->doc, at), at);
    }
}

/* As much of a marker as a message shows, cut between characters. */
static size_t shown_length(const char *s, size_t n)
{
    const size_t most = 60;
    if (n <= most)
        return n;
    for (n = most; n && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
        ;
    return n;
}

/* The marker that begins at s, behind its {{: is it one of those that are filled in? */
static bool check_marker(struct ruling *r, const char *s, const char *pointer)
{
    const char *end = strstr(s, "}}");
    const size_t n = end ? (size_t)(end - s) : strcspn(s, "\n"), shown = shown_length(s, n);
    own(str_fini) char *marker = str_print("%.*s", (int)shown, s);
    for (size_t k = 0; end && shown == n && signal_markers[k]; k++)
        if (str_same(signal_markers[k], marker))
            return true;
    struct finding *f =
        rules_break(r, "unknown-marker", pointer, "{{%s%s%s is no marker%s (Planner 2.5.2)", marker,
                    shown < n ? "..." : "", end ? "}}" : "", end ? "" : ", expected }} at its end");
    const char *near = end && shown == n ? near_miss(marker, signal_markers) : NULL;
    if (near)
        finding_hint(f, "did you mean {{%s}}?", near);
    return false;
}

/* At most 20 are told of one template: more would say nothing new. */
static void check_markers(struct ruling *r, const char *s, const char *pointer)
{
    int left = 20;
    while (s && left > 0 && (s = strstr(s, "{{"))) {
        s += 2;
        left -= !check_marker(r, s, pointer);
    }
}

static void rule_markers(struct ruling *r)
{
    static const char *const templates[] = {"subject", "content"};
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(r->doc, "callouts"), i, item) {
        const json_t *spec = typed_own(r->model, item) ? json_object_get(item, "spec") : NULL;
        for (size_t k = 0; k < COUNT(templates); k++) {
            own(str_fini) char *at = str_print("/callouts/%zu/spec/%s", i, templates[k]);
            check_markers(r, json_text(spec, templates[k]), at);
        }
    }
}

static void rule_type_form(struct ruling *r)
{
    const char *type = json_text(json_object_get(r->doc, "executable"), "type");
    if (!type || str_begins(type, "http://") || str_begins(type, "https://"))
        return;
    finding_add(r->findings, FINDING_NOTICE, "type-not-url", "/executable/type",
                "a type is best a lasting http or https URL (Planner 1.3)");
}

/* A job that may run for no time does nothing. */
void rules_length(struct ruling *r, const json_t *object, const char *pointer, const char *key,
                  const char *clause)
{
    struct duration d;
    const char *text = json_text(object, key), *why;
    if (!text || duration_parse(text, &d, NULL, &why) < 0 || d.months || d.sec || d.nsec)
        return;
    own(str_fini) char *at = str_print("%s/%s", pointer, key);
    rules_break(r, "zero-duration", at, "%s is no time at all, expected more%s", key, clause);
}

static void rule_durations(struct ruling *r)
{
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(r->doc, "datetime"), i, item) {
        own(str_fini) char *at = str_print("/datetime/%zu", i);
        rules_length(r, item, at, "minduration", " (Planner 2.4)");
        rules_length(r, item, at, "maxduration", " (Planner 2.4)");
    }
}

void rules_task(const struct model *m, json_t *doc, struct findings *findings)
{
    static void (*const rules[])(struct ruling *) = {
        rule_amounts,    rule_names,     rules_places,   rule_markers,
        rule_conditions, rule_durations, rule_type_form,
    };
    struct ruling r = {.model = m, .doc = doc, .findings = findings};
    for (size_t i = 0; i < COUNT(rules); i++)
        rules[i](&r);
}
