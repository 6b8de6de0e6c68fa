#include "model/phase.h"
#include "service.h"
#include "text/when.h"
#include "text/write.h"
#include "uws.h"
#include "xml.h"

#define NAMESPACES                                                                                 \
    {"xmlns:uws", "http://www.ivoa.net/xml/UWS/v1.0"},                                             \
        {"xmlns:xlink", "http://www.w3.org/1999/xlink"},                                           \
    {                                                                                              \
        "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"                                   \
    }
#define OURS "https://www.purl.org/ivoa.net/execdm/1/"
#define DURATION_MOST INT32_MAX /* its type is xs:int */

/* --- values --- */

/* UTC with milliseconds, whoever wrote it. */
static char *time_value(const json_t *job, const char *key)
{
    const char *text = json_text(job, key), *why;
    char printed[WHEN_TEXT];
    struct when w;
    if (!text || when_parse(text, &w, NULL, &why) < 0)
        return NULL;
    return str_new(moment_print(when_to_ms(w), printed));
}

/* In whole seconds; 0, without a limit, is what UWS says where nothing is known. */
static char *duration_value(const json_t *job, const char *key)
{
    const char *text = json_text(job, key), *why;
    struct duration d;
    int64_t seconds = 0;
    if (text && duration_parse(text, &d, NULL, &why) == 0)
        seconds = duration_seconds(d, (struct when){0});
    return str_print("%" PRId64, seconds < DURATION_MOST ? seconds : DURATION_MOST);
}

static char *phase_value(const json_t *job, const char *key)
{
    enum phase p;
    if (phase_parse(json_text(job, key), &p) < 0)
        p = PHASE_UNKNOWN;
    return str_new(phase_name(phase_uws(p)));
}

/* Who has not shown a name is nobody (UWS 1.1, 2.1.2). */
static char *owner_value(const json_t *job, const char *key)
{
    const char *owner = json_text(job, key);
    return str_same(owner, SERVICE_ANONYMOUS) ? NULL : str_new(owner);
}

static char *text_value(const json_t *job, const char *key)
{
    return str_new(json_text(job, key));
}

/* The elements of a job before its parameters, in the order of the schema. */
static const struct element {
    const char *name, *key;
    char *(*value)(const json_t *job, const char *key);
    bool nillable; /* it is there without a value, too */
} elements[] = {
    {"jobId", "id", text_value, false},
    {"runId", "runid", text_value, false},
    {"ownerId", "owner", owner_value, true},
    {"phase", "phase", phase_value, false},
    {"quote", "quote", time_value, true},
    {"creationTime", "created", time_value, false},
    {"startTime", "started", time_value, true},
    {"endTime", "ended", time_value, true},
    {"executionDuration", "executionduration", duration_value, false},
    {"destruction", "destruction", time_value, true},
};

/* Those of a job in a list. */
static const struct element short_elements[] = {
    {"phase", "phase", phase_value, false},
    {"runId", "runid", text_value, false},
    {"ownerId", "owner", owner_value, true},
    {"creationTime", "created", time_value, false},
};

char *uws_value(const json_t *job, const char *name)
{
    for (size_t i = 0; i < COUNT(elements); i++)
        if (str_same(elements[i].key, name))
            return elements[i].value(job, name);
    return NULL;
}

static void write_elements(struct buf *b, int depth, const struct element *list, size_t n,
                           const json_t *job)
{
    for (size_t i = 0; i < n; i++) {
        own(str_fini) char *value = list[i].value(job, list[i].key);
        own(str_fini) char *name = str_print("uws:%s", list[i].name);
        if (value)
            xml_leaf(b, depth, name, NULL, value);
        else if (list[i].nillable)
            xml_leaf(b, depth, name, ATTRIBUTES({"xsi:nil", "true"}), NULL);
    }
}

/* --- parameters and results --- */

json_t *uws_given(const json_t *job)
{
    static const char *const keys[] = {"name", "executable", "resources", "datetime"};
    json_t *given = json_object_get(job, "parameters");
    if (given)
        return json_incref(given);
    own(json_fini) json_t *task = json_object();
    for (size_t i = 0; i < COUNT(keys); i++) {
        json_t *part = json_object_get(job, keys[i]);
        if (part)
            json_object_set(task, keys[i], part);
    }
    own(str_fini) char *text = write_string(task);
    return json_pack("[{s:s,s:s}]", "name", "task", "value", text);
}

static void write_parameters(struct buf *b, int depth, const json_t *job,
                             const struct attribute *attributes)
{
    own(json_fini) json_t *given = uws_given(job);
    size_t i;
    json_t *row;
    xml_open(b, depth, "uws:parameters", attributes);
    json_array_foreach (given, i, row)
        xml_leaf(b, depth + 1, "uws:parameter", ATTRIBUTES({"id", json_text(row, "name")}),
                 json_text(row, "value"));
    xml_close(b, depth, "uws:parameters");
}

static void write_results(struct buf *b, int depth, const json_t *job,
                          const struct attribute *attributes)
{
    size_t i;
    json_t *row;
    xml_open(b, depth, "uws:results", attributes);
    json_array_foreach (json_object_get(job, "results"), i, row) {
        const int64_t size = json_int(row, "size", -1);
        own(str_fini) char *bytes = size < 0 ? NULL : str_print("%" PRId64, size);
        const char *url = json_text(row, "url");
        xml_leaf(b, depth + 1, "uws:result",
                 ATTRIBUTES({"id", json_text(row, "name")}, {"xlink:type", "simple"},
                            {"xlink:href", url ? url : json_text(row, "location")}, {"size", bytes},
                            {"mime-type", json_text(row, "mediatype")}),
                 NULL);
    }
    xml_close(b, depth, "uws:results");
}

void uws_parameters(struct buf *b, const json_t *job)
{
    xml_begin(b);
    write_parameters(b, 0, job, ATTRIBUTES(NAMESPACES));
}

void uws_results(struct buf *b, const json_t *job)
{
    xml_begin(b);
    write_results(b, 0, job, ATTRIBUTES(NAMESPACES));
}

/* --- what went wrong --- */

/* Of a job that is tried again, what went wrong before is no failure of it. */
static const json_t *error_of(const json_t *job)
{
    enum phase p;
    return phase_parse(json_text(job, "phase"), &p) == 0 && phase_terminal(p)
               ? json_object_get(job, "error")
               : NULL;
}

static const char *error_message(const json_t *error)
{
    const char *message = json_text(error, "message");
    return message ? message : json_text(error, "reason");
}

static void write_error(struct buf *b, const json_t *job)
{
    const json_t *error = error_of(job);
    if (!error)
        return;
    const bool transient = json_is_true(json_object_get(error, "transient"));
    xml_open(b, 1, "uws:errorSummary",
             ATTRIBUTES({"type", transient ? "transient" : "fatal"}, {"hasDetail", "true"}));
    xml_leaf(b, 2, "uws:message", NULL, error_message(error));
    xml_close(b, 1, "uws:errorSummary");
}

char *uws_error(const json_t *job)
{
    const json_t *error = error_of(job);
    struct buf all = {0};
    size_t i;
    json_t *row;
    if (!error)
        return NULL;
    buf_print(&all, "%s\nreason: %s\nfault: %s\n", error_message(error), json_text(error, "reason"),
              json_text(error, "fault"));
    json_array_foreach (json_object_get(job, "messages"), i, row)
        buf_print(&all, "%s: %s\n", json_text(row, "severity"), json_text(row, "text"));
    return buf_take(&all);
}

/* --- what is not of UWS --- */

/* Its scalars. Clients there are that take an element by its local name for one of UWS, wherever it
 * stands and whatever its namespace, so none of ours is called like one. */
static const struct {
    const char *name, *key;
} scalars[] = {
    {"name", "name"},         {"executionPhase", "phase"},
    {"status", "status"},     {"waitingFor", "waiting_for"},
    {"platform", "platform"}, {"attempt", "attempt"},
    {"planner", "planner"},   {"seen", "seen"},
};

static void write_scalars(struct buf *b, const json_t *job)
{
    for (size_t i = 0; i < COUNT(scalars); i++) {
        const char *key = scalars[i].key;
        const json_t *value = json_object_get(job, key);
        own(str_fini) char *name = str_print("execdm:%s", scalars[i].name);
        own(str_fini) char *number =
            json_is_integer(value) ? str_print("%" PRId64, json_int(job, key, 0)) : NULL;
        const char *text = number ? number : json_string_value(value);
        if (text)
            xml_leaf(b, 2, name, NULL, text);
    }
}

static void write_info(struct buf *b, const json_t *job)
{
    const json_t *end = json_object_get(job, "exit");
    size_t i;
    json_t *row;
    xml_open(b, 1, "uws:jobInfo", ATTRIBUTES({"xmlns:execdm", OURS}));
    write_scalars(b, job);
    if (end) {
        const char *which = json_object_get(end, "code") ? "code" : "signal";
        own(str_fini) char *number = str_print("%" PRId64, json_int(end, which, 0));
        xml_leaf(b, 2, "execdm:exit", ATTRIBUTES({which, number}), NULL);
    }
    json_array_foreach (json_object_get(job, "messages"), i, row)
        xml_leaf(
            b, 2, "execdm:finding",
            ATTRIBUTES({"severity", json_text(row, "severity")}, {"rule", json_text(row, "rule")}),
            json_text(row, "text"));
    xml_close(b, 1, "uws:jobInfo");
}

/* --- whole documents --- */

void uws_job(struct buf *b, const json_t *job)
{
    xml_begin(b);
    xml_open(b, 0, "uws:job", ATTRIBUTES(NAMESPACES, {"version", "1.1"}));
    write_elements(b, 1, elements, COUNT(elements), job);
    write_parameters(b, 1, job, NULL);
    write_results(b, 1, job, NULL);
    write_error(b, job);
    write_info(b, job);
    xml_close(b, 0, "uws:job");
}

void uws_list(struct buf *b, const json_t *jobs)
{
    size_t i;
    json_t *job;
    xml_begin(b);
    xml_open(b, 0, "uws:jobs", ATTRIBUTES(NAMESPACES, {"version", "1.1"}));
    json_array_foreach (json_object_get(jobs, "jobs"), i, job) {
        xml_open(b, 1, "uws:jobref",
                 ATTRIBUTES({"id", json_text(job, "id")}, {"xlink:type", "simple"},
                            {"xlink:href", json_text(job, "url")}));
        write_elements(b, 2, short_elements, COUNT(short_elements), job);
        xml_close(b, 1, "uws:jobref");
    }
    xml_close(b, 0, "uws:jobs");
}
