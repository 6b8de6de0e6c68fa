/* What the service is. */
#include "handlers.h"

int serve_root(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    (void)err;
    own(str_fini) char *planner = service_url(s, "planner");
    own(str_fini) char *jobs = service_url(s, "jobs");
    own(json_fini) json_t *doc =
        json_pack("{s:s,s:s,s:s,s:s*,s:{s:s,s:s}}", "name", "execdm", "version", PACKAGE_VERSION,
                  "identity", s->who.name, "title", json_text(service_row(s), "title"), "links",
                  "planner", planner, "jobs", jobs);
    reply_document(p, r, doc);
    return 0;
}
