/* Jobs as documents (Planner 4). */
#include "handlers.h"
#include "page.h"

int serve_job(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    own(json_fini) json_t *doc = service_document(s, job.id, err);
    if (!doc)
        return -1;
    if (r->format == FORMAT_HTML)
        return page_job(s, r, p, doc, err);
    reply_document(p, r, doc);
    return 0;
}

int serve_jobs(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *docs = NULL;
    if (page_newest(s, 1000, &docs, err) < 0)
        return -1;
    return page_jobs(s, r, p, docs, err);
}
