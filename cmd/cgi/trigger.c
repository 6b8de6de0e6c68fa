/* Triggers: who knows the token may call (Planner 2.5.1; EP-70..77). */
#include "handlers.h"
#include "host/clock.h"
#include "job/trigger.h"

int serve_trigger(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(json_fini) json_t *values = NULL;
    own(firing_fini) struct firing f = {0};
    const int rc = body_values(r, p, &values);
    struct store *store = rc > 0 ? service_store(s, err) : NULL;
    if (rc <= 0)
        return rc;
    if (!store || trigger_call(store, r->segments[0], values, clock_ms(), &f, err) < 0)
        return -1;
    own(json_fini) json_t *doc = json_pack("{s:s,s:s*,s:b,s:s}", "trigger", f.trigger, "action",
                                           f.action, "recorded", f.taken, "message", f.said);
    p->fresh = true;
    reply_document(p, r, doc);
    return 0;
}
