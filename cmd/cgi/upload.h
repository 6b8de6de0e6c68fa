/* Small input files that come with a task: parts of its form (plan/upload.h keeps them). */
#ifndef CGI_UPLOAD_H
#define CGI_UPLOAD_H

#include "plan/policy.h"
#include "plan/upload.h"
#include "service.h"

/* The part of a form that is the task: `task`, or JDL as UWS says; NULL when there is none. */
const struct part *upload_document(const struct request *r);
/* How many bytes a body of this request may have beyond those of a document. */
int64_t upload_room(const struct service *s, const struct gate *gate);
/* Looks at the files that came with a task: 1, and they are in s->uploads, or 0 when they are
 * refused. */
int upload_take(struct service *s, const struct request *r, struct reply *p);
/* Puts them on the disk by this id, which is s->kept then, and says so in policy; those of a draft,
 * whose id s->kept is already, are there. */
int upload_keep_all(struct service *s, struct policy *policy, const char *id, struct err *err);

#endif
