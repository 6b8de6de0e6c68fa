#include <fcntl.h>
#include "host/clock.h"
#include "host/kept.h"
#include "host/path.h"
#include "text/buf.h"
#include "text/doc.h"
#include "text/write.h"

#define SETTLED_S 2 /* coarser than the times of any file system */

static bool add_state(struct buf *b, const char *path, int64_t *changed)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return false;
    buf_print(b, " %llu %llu %lld.%09ld %lld.%09ld %lld", (unsigned long long)st.st_dev,
              (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
              (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, (long long)st.st_size);
    const int64_t last = st.st_mtime > st.st_ctime ? st.st_mtime : st.st_ctime;
    if (last > *changed)
        *changed = last;
    return true;
}

void kept_key_init(struct kept_key *key, const char *path, const char *schema)
{
    own(buf_fini) struct buf b = {0};
    int64_t changed = 0;
    *key = (struct kept_key){0};
    buf_print(&b, "%s %s", PACKAGE_VERSION, path);
    if (!add_state(&b, path, &changed) || !add_state(&b, schema, &changed))
        return;
    key->settled = changed + SETTLED_S < clock_ms() / 1000;
    key->text = buf_take(&b);
}

void kept_key_fini(struct kept_key *key)
{
    free(key->text);
    *key = (struct kept_key){0};
}

/* NULL where there is no state directory, or it is not ours alone. */
static char *place(void)
{
    struct stat st;
    own(str_fini) char *dir = path_state();
    if (!dir || stat(dir, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077))
        return NULL;
    return str_print("%s/configuration.json", dir);
}

/* All of a file, when it is ours alone. */
static char *read_own(const char *path, size_t *len)
{
    struct stat st;
    own(fd_fini) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077) || st.st_size > DOC_BYTES_MAX)
        return NULL;
    own(str_fini) char *bytes = mem_raw((size_t)st.st_size + 1);
    const ssize_t n = pread(fd, bytes, (size_t)st.st_size, 0);
    if (n != st.st_size)
        return NULL;
    bytes[n] = '\0';
    *len = (size_t)n;
    return move(bytes);
}

json_t *kept_find(const struct kept_key *key)
{
    size_t len = 0;
    own(str_fini) char *path = place();
    own(str_fini) char *bytes = key->text && path ? read_own(path, &len) : NULL;
    own(json_fini) json_t *kept =
        bytes ? json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *doc = json_object_get(kept, "document");
    return json_is_object(doc) && str_same(json_text(kept, "of"), key->text) ? json_incref(doc)
                                                                             : NULL;
}

void kept_store(const struct kept_key *before, const char *path, const char *schema,
                const json_t *doc)
{
    struct err ignored = {0};
    own(kept_key_fini) struct kept_key now = {0};
    own(str_fini) char *to = place();
    kept_key_init(&now, path, schema);
    if (!to || !before->text || !now.settled || !str_same(before->text, now.text))
        return;
    own(json_fini) json_t *kept = json_pack("{s:s,s:O}", "of", now.text, "document", (json_t *)doc);
    own(str_fini) char *text = write_string(kept);
    path_write(to, text, strlen(text), 0600, &ignored);
}
