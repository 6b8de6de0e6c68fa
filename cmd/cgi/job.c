/* Jobs as documents (Planner 4), and what UWS 1.1 has below a job (2.2.2). */
#include "handlers.h"
#include "page.h"
#include "uws.h"

int serve_job(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    const int rc = wait_for(s, r, p, &job, err);
    if (rc <= 0)
        return rc;
    own(json_fini) json_t *doc = service_show(s, &job, err);
    if (!doc)
        return -1;
    if (r->format == FORMAT_HTML)
        return page_job(s, r, p, doc, err);
    if (r->format != FORMAT_XML) {
        reply_document(p, r, doc);
        return 0;
    }
    p->type = format_type(FORMAT_XML);
    uws_job(&p->body, doc);
    return 0;
}

/* --- below a job --- */

/* The part of a path behind the last slash: the key that is asked for. */
static const char *key_of(const struct request *r)
{
    return strrchr(r->path, '/') + 1;
}

/* The document of the job (job.json) with only the key that was asked for, and what all have. */
static int reply_part(struct reply *p, const struct request *r, const json_t *doc, json_t *value)
{
    own(json_fini) json_t *part =
        json_pack("{s:s,s:s}", "id", json_text(doc, "id"), "phase", json_text(doc, "phase"));
    if (value)
        json_object_set(part, key_of(r), value);
    reply_document(p, r, part);
    return 0;
}

static json_t *find_document(struct service *s, const struct request *r, struct err *err)
{
    own(job_fini) struct job job = {0};
    return service_job(s, r->segments[0], &job, err) < 0 ? NULL : service_show(s, &job, err);
}

int serve_value(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *doc = find_document(s, r, err);
    if (!doc)
        return -1;
    if (r->format != FORMAT_TEXT)
        return reply_part(p, r, doc, json_object_get(doc, key_of(r)));
    own(str_fini) char *text = uws_value(doc, key_of(r));
    reply_text(p, text);
    return 0;
}

int serve_error(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *doc = find_document(s, r, err);
    if (!doc)
        return -1;
    own(str_fini) char *text = uws_error(doc);
    if (!text)
        return reply_refuse(p, 404, "job %s has not failed: it is %s", json_text(doc, "id"),
                            json_text(doc, "phase"));
    if (r->format != FORMAT_TEXT)
        return reply_part(p, r, doc, json_object_get(doc, "error"));
    reply_text(p, text);
    return 0;
}

int serve_parameters(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *doc = find_document(s, r, err);
    if (!doc)
        return -1;
    if (r->format == FORMAT_XML) {
        p->type = format_type(FORMAT_XML);
        uws_parameters(&p->body, doc);
        return 0;
    }
    own(json_fini) json_t *list = uws_given(doc);
    return reply_part(p, r, doc, list);
}

int serve_results(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *doc = find_document(s, r, err);
    if (!doc)
        return -1;
    if (r->format == FORMAT_XML) {
        p->type = format_type(FORMAT_XML);
        uws_results(&p->body, doc);
        return 0;
    }
    json_t *made = json_object_get(doc, "results");
    own(json_fini) json_t *list = made ? json_incref(made) : json_array();
    return reply_part(p, r, doc, list);
}
