#include "vosi.h"
#include "handlers.h"
#include "host/clock.h"
#include "job/presence.h"
#include "xml.h"

#define BASIC "ivo://ivoa.net/sso#BasicAA"

/* What can be done here. A standard of ours where nobody else has one. */
static const struct capability {
    const char *standard, *about, *path, *version;
    const char *use; /* base: URLs below it are meant, too */
    const char *method, *result;
    bool open;
} capabilities[] = {
    {"ivo://ivoa.net/std/VOSI#capabilities", NULL, "capabilities", NULL, "full", "GET", "text/xml",
     true},
    {"ivo://ivoa.net/std/VOSI#availability", NULL, "availability", NULL, "full", "GET", "text/xml",
     true},
    {"ivo://ivoa.net/std/UWS#rest-1.1", "Jobs: seen, created, changed", "jobs", "1.1", "base",
     "GET", "text/xml", false},
    {"https://www.purl.org/ivoa.net/execdm/1/planner",
     "Whether, where and when a task can run: a POST of the task (Execution Planner)", "planner",
     NULL, "full", "POST", "application/json", false},
    {"https://spec.openapis.org/oas/v3.0.3", "All of it, described by OpenAPI", "openapi.json",
     NULL, "full", "GET", "application/json", true},
};

/* A way in. Who may come without a name has one that asks for none (VOResource, securityMethod). */
static void add_interface(const struct service *s, json_t *list, const struct capability *c,
                          const char *security)
{
    own(str_fini) char *url = service_url(s, "%s", c->path);
    json_array_append_new(list,
                          json_pack("{s:s,s:s,s:s*,s:s,s:s,s:s*,s:s,s:s}", "type", "vs:ParamHTTP",
                                    "role", "std", "version", c->version, "accessURL", url, "use",
                                    c->use, "securityMethod", security, "queryType", c->method,
                                    "resultType", c->result));
}

json_t *vosi_capabilities(const struct service *s)
{
    const bool anonymous = json_is_true(json_object_get(service_row(s), "anonymous"));
    own(json_fini) json_t *list = json_array();
    for (size_t i = 0; i < COUNT(capabilities); i++) {
        const struct capability *c = &capabilities[i];
        own(json_fini) json_t *interfaces = json_array();
        if (c->open || anonymous)
            add_interface(s, interfaces, c, NULL);
        if (!c->open)
            add_interface(s, interfaces, c, BASIC);
        json_array_append_new(list, json_pack("{s:s,s:s*,s:O}", "standardID", c->standard,
                                              "description", c->about, "interfaces", interfaces));
    }
    return json_pack("{s:O}", "capabilities", list);
}

/* --- as XML --- */

static void write_interface(struct buf *b, const json_t *row)
{
    const char *security = json_text(row, "securityMethod");
    xml_open(b, 2, "interface",
             ATTRIBUTES({"xsi:type", json_text(row, "type")}, {"role", json_text(row, "role")},
                        {"version", json_text(row, "version")}));
    xml_leaf(b, 3, "accessURL", ATTRIBUTES({"use", json_text(row, "use")}),
             json_text(row, "accessURL"));
    if (security)
        xml_leaf(b, 3, "securityMethod", ATTRIBUTES({"standardID", security}), NULL);
    xml_leaf(b, 3, "queryType", NULL, json_text(row, "queryType"));
    xml_leaf(b, 3, "resultType", NULL, json_text(row, "resultType"));
    xml_close(b, 2, "interface");
}

void vosi_write(struct buf *b, const json_t *doc)
{
    size_t i, k;
    json_t *row, *interface;
    json_array_foreach (json_object_get(doc, "capabilities"), i, row) {
        const char *about = json_text(row, "description");
        xml_open(b, 1, "capability", ATTRIBUTES({"standardID", json_text(row, "standardID")}));
        if (about)
            xml_leaf(b, 2, "description", NULL, about);
        json_array_foreach (json_object_get(row, "interfaces"), k, interface)
            write_interface(b, interface);
        xml_close(b, 1, "capability");
    }
}

static void write_availability(struct buf *b, const json_t *doc)
{
    size_t i;
    json_t *note;
    xml_open(b, 0, "availability",
             ATTRIBUTES({"xmlns", "http://www.ivoa.net/xml/VOSIAvailability/v1.0"}));
    xml_leaf(b, 1, "available", NULL,
             json_is_true(json_object_get(doc, "available")) ? "true" : "false");
    json_array_foreach (json_object_get(doc, "notes"), i, note)
        xml_leaf(b, 1, "note", NULL, json_string_value(note));
    xml_close(b, 0, "availability");
}

/* --- the resources --- */

int serve_capabilities(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *doc = vosi_capabilities(s);
    (void)err;
    if (r->format != FORMAT_XML) {
        reply_document(p, r, doc);
        return 0;
    }
    xml_begin(&p->body);
    xml_open(
        &p->body, 0, "vosi:capabilities",
        ATTRIBUTES({"xmlns:vosi", "http://www.ivoa.net/xml/VOSICapabilities/v1.0"}, VOSI_PREFIXES));
    vosi_write(&p->body, doc);
    xml_close(&p->body, 0, "vosi:capabilities");
    p->type = format_type(FORMAT_XML);
    return 0;
}

/* A service that takes jobs which nobody begins is "online but unavailable for work" (VOSI 1.1,
 * 2.4): so a worker is one of the parts that are looked at. False with a note: something is not as
 * it must be. */
static bool is_available(struct service *s, json_t *notes)
{
    struct err err = {0};
    const int64_t now = clock_ms();
    int64_t seen, last;
    char when[WHEN_TEXT];
    struct store *store = service_store(s, &err);
    if (!store || store_events_last(store, &last, &err) < 0) {
        route_log(&err);
        json_array_append_new(notes, json_string("the store of jobs cannot be read"));
        return false;
    }
    if (presence_ask(store, now, &seen))
        return true;
    own(str_fini) char *note =
        seen ? str_print("no worker has run since %s: jobs are accepted and do not begin",
                         moment_print(seen, when))
             : str_new("no worker has run yet: jobs are accepted and do not begin");
    json_array_append_new(notes, json_string(note));
    return false;
}

int serve_availability(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *notes = json_array();
    const bool available = is_available(s, notes);
    const char *contact = json_text(service_row(s), "contact");
    (void)err;
    if (!available && contact) {
        own(str_fini) char *note = str_print("ask %s", contact);
        json_array_append_new(notes, json_string(note));
    }
    own(json_fini) json_t *doc = json_pack("{s:b,s:O}", "available", available, "notes", notes);
    p->fresh = true;
    if (r->format != FORMAT_XML) {
        reply_document(p, r, doc);
        return 0;
    }
    xml_begin(&p->body);
    write_availability(&p->body, doc);
    p->type = format_type(FORMAT_XML);
    return 0;
}
