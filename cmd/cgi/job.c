/* Jobs as documents (Planner 4). */
#include "handlers.h"

int serve_job(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    own(json_fini) json_t *doc = service_document(s, job.id, err);
    if (!doc)
        return -1;
    reply_document(p, r, doc);
    return 0;
}
