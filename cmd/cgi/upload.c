#include "upload.h"
#include "text/size.h"

#define FILES_MAX 100
#define OWNER_BYTES ((int64_t)1024 * 1024 * 1024) /* of all tasks of an owner */
#define UPLOADS_MAX (60 * 1024 * 1024)            /* a body is read as a whole */

/* What the configuration allows, 0 for nothing. */
static int64_t most_of(const struct service *s)
{
    const json_t *said = json_object_get(service_row(s), "uploads");
    const char *why;
    int64_t most = 0;
    if (said && size_parse(said, false, &most, &why) < 0)
        return 0;
    return most < UPLOADS_MAX ? most : UPLOADS_MAX;
}

static bool is_document(const struct part *part)
{
    return strcasecmp(part->name, "task") == 0 || strcasecmp(part->name, "JDL") == 0;
}

const struct part *upload_document(const struct request *r)
{
    for (size_t i = 0; i < r->parts.n; i++)
        if (is_document(&r->parts.list[i]))
            return &r->parts.list[i];
    return NULL;
}

int64_t upload_room(const struct service *s, const struct gate *gate)
{
    const char *type = gate->get(gate->context, "CONTENT_TYPE");
    return type && strncasecmp(type, MULTIPART, strlen(MULTIPART)) == 0 ? most_of(s) : 0;
}

/* The name is that of its part; what the client calls the file means nothing here. */
static int check(const struct service *s, const struct request *r, size_t at, struct reply *p)
{
    const struct part *part = &r->parts.list[at];
    if (most_of(s) == 0)
        return reply_refuse(p, 403, "this service takes no files with a task");
    if (!upload_name(part->name))
        return reply_refuse(p, 400,
                            "the part %.80s: expected a name of letters, digits and . _ -, %d at "
                            "most, that begins with neither . nor -",
                            part->name, UPLOAD_NAME_MAX);
    for (size_t i = 0; i < at; i++)
        if (r->parts.list[i].filename && str_same(r->parts.list[i].name, part->name))
            return reply_refuse(p, 400, "there are two files called %.80s", part->name);
    return 1;
}

/* 1, 0 when there is too much of his already. */
static int check_owner(struct service *s, struct reply *p, size_t bytes)
{
    struct err err = {0};
    const struct store *store = service_store(s, &err);
    const int64_t used = store ? upload_used(store, s->who.name) : 0;
    if (used + (int64_t)bytes <= OWNER_BYTES)
        return 1;
    return reply_refuse(p, 413,
                        "the files that came with tasks of %s have %" PRId64 " bytes, and %" PRId64
                        " they may have; delete jobs that have ended",
                        s->who.name, used, OWNER_BYTES);
}

int upload_take(struct service *s, const struct request *r, struct reply *p)
{
    size_t files = 0, bytes = 0;
    for (size_t i = 0; i < r->parts.n; i++) {
        const struct part *part = &r->parts.list[i];
        if (!part->filename || is_document(part))
            continue;
        if (check(s, r, i, p) == 0)
            return 0;
        bytes += part->len;
        if (++files > FILES_MAX)
            return reply_refuse(p, 413, "a task comes with at most %d files", FILES_MAX);
    }
    if ((int64_t)bytes > most_of(s))
        return reply_refuse(p, 413,
                            "the files have %zu bytes, of %" PRId64 " that may come with a "
                            "task",
                            bytes, most_of(s));
    if (files && check_owner(s, p, bytes) == 0)
        return 0;
    s->uploads = files ? &r->parts : NULL;
    return 1;
}

int upload_keep_all(struct service *s, struct policy *policy, const char *id, struct err *err)
{
    if (!s->uploads) {
        policy->uploads = s->kept[0] ? str_new(s->kept) : NULL;
        return 0;
    }
    if (upload_begin(&s->store, id, s->who.name, err) < 0)
        return -1;
    for (size_t i = 0; i < s->uploads->n; i++) {
        const struct part *part = &s->uploads->list[i];
        if (part->filename && !is_document(part) &&
            upload_keep(&s->store, id, part->name, part->bytes, part->len, err) < 0)
            return -1;
    }
    snprintf(s->kept, sizeof(s->kept), "%s", id);
    policy->uploads = str_new(id);
    return 0;
}
