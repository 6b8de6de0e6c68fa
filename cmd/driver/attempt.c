#include "attempt.h"
#include <fcntl.h>
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "text/doc.h"

json_t *attempt_reply(const json_t *line)
{
    char now[WHEN_TEXT];
    return json_pack("{s:s*,s:s}", "id", json_text(line, "id"), "as_of",
                     moment_print(clock_ms(), now));
}

char *attempt_file(const json_t *line, const char *name)
{
    const char *native = json_text(line, "native"), *exitfile = json_text(line, "exitfile");
    const char *slash = exitfile ? strrchr(exitfile, '/') : NULL;
    if (native && *native == '/')
        return str_print("%s/%s", native, name);
    return slash ? str_print("%.*s/%s", (int)(slash - exitfile), exitfile, name) : NULL;
}

enum whose attempt_whose(const json_t *line)
{
    char text[128];
    own(str_fini) char *path = attempt_file(line, "started");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return !path || errno == ENOENT || errno == ENOTDIR ? SURELY_NOT : UNREADABLE;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return UNREADABLE;
    text[n] = '\0';
    return str_same(text, json_text(line, "stamp")) ? OURS : ANOTHERS;
}

bool attempt_alive(const json_t *line)
{
    own(str_fini) char *path = attempt_file(line, "alive");
    return path && lock_ask(path) != LOCK_FREE;
}

bool attempt_unsure(const json_t *line, struct err *err)
{
    own(str_fini) char *path = attempt_file(line, "alive");
    if (!path || lock_ask(path) != LOCK_UNKNOWN)
        return false;
    err_sys(err, "cannot see whether %s is locked, as it is while its job runs", path);
    return true;
}

static const char *state_of(const char *reason)
{
    return str_same(reason, "ok") ? "done" : str_same(reason, "killed") ? "cancelled" : "failed";
}

bool attempt_ended(const json_t *line, json_t *reply)
{
    own(json_fini) json_t *record = NULL;
    own(str_fini) char *path = attempt_file(line, "exit.json");
    struct err err = {0};
    if (!path || !path_exists(path) || doc_file(path, &record, &err) < 0 ||
        !str_same(json_text(record, "stamp"), json_text(line, "stamp")))
        return false;
    json_object_set_new(reply, "state", json_string(state_of(json_text(record, "reason"))));
    json_object_update(reply, record);
    json_object_set_new(reply, "source", json_string("exitfile"));
    return true;
}

void attempt_tidy(const json_t *line)
{
    static const char *const names[] = {"call.json", "told", "environment", "filter", "pid"};
    for (size_t i = 0; i < COUNT(names); i++) {
        own(str_fini) char *path = attempt_file(line, names[i]);
        if (path)
            unlink(path);
    }
}

/* By a network file system the answer of a link may be lost: the file itself knows. */
static int link_fence(int fd, const char *temp, const char *path)
{
    struct stat st;
    if (link(temp, path) == 0 || (fstat(fd, &st) == 0 && st.st_nlink == 2))
        return 1;
    return errno == EEXIST ? 0 : -1;
}

int attempt_fence(const char *path, const char *stamp, struct err *err)
{
    char name[UUID_TEXT];
    own(str_fini) char *temp = str_print("%s.%s", path, clock_uuid(name));
    own(fd_fini) int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = fd >= 0 && fd_write(fd, stamp, strlen(stamp)) == 0 && fsync(fd) == 0
                 ? link_fence(fd, temp, path)
                 : -1;
    if (rc < 0) {
        err_sys(err, "cannot make %s", path);
        if (err->errnum == ENOSPC || err->errnum == EDQUOT)
            err->code = CODE_TEMP;
    }
    unlink(temp);
    return rc == 1 && path_sync_parent(path, err) < 0 ? -1 : rc;
}

bool attempt_forestall(const json_t *line)
{
    struct err ignored;
    own(str_fini) char *path = attempt_file(line, "started");
    const char *stamp = json_text(line, "stamp");
    return path && stamp && attempt_fence(path, stamp, &ignored) > 0;
}
