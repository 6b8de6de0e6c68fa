#include "disk.h"
#include <fcntl.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/walk.h"

#define LOOK_MS 1000 /* and never more than a twentieth of the time goes into looking */
#define TURN_MS 10   /* of a look at once: the supervisor has other duties */

struct place {
    const char *source;
    uint64_t mount; /* the program's, 0: not known */
    int64_t most, now;
};

/* First the places in turn, then what is open in each process. */
struct disk_look {
    struct place *places;
    size_t n, at;
    struct walk walk;
    dev_t dev;
    DIR *processes, *files;
    json_t *seen; /* of files without a name */
    int64_t spent;
};

static uint64_t mount_of(pid_t child, const char *path)
{
    struct statx st;
    own(str_fini) char *there = str_print("/proc/%ld/root%s", (long)child, path);
    return statx(AT_FDCWD, there, 0, STATX_MNT_ID, &st) == 0 ? st.stx_mnt_id : 0;
}

static void open_place(struct disk_look *k)
{
    struct stat st;
    if (k->at == k->n || walk_open(&k->walk, k->places[k->at].source) < 0 ||
        fstat(k->walk.fd, &st) < 0)
        return;
    k->dev = st.st_dev;
    k->places[k->at].now = (int64_t)st.st_blocks * 512;
}

static struct disk_look *look_new(const struct disk *d, pid_t child)
{
    struct disk_look *k = mem_new(sizeof(*k));
    own(str_fini) char *processes = str_print("/proc/%ld/root/proc", (long)child);
    size_t i;
    json_t *v;
    k->places = mem_new(json_array_size(d->mounts) * sizeof(*k->places));
    k->walk.fd = -1;
    k->seen = json_object();
    json_array_foreach (d->mounts, i, v) {
        const int64_t size = json_int(v, "size", 0);
        if (str_same(json_text(v, "mode"), "rw") && (size || d->most))
            k->places[k->n++] = (struct place){.source = json_text(v, "source"),
                                               .mount = mount_of(child, json_text(v, "path")),
                                               .most = size};
    }
    if (k->n)
        k->processes = opendir(processes);
    open_place(k);
    return k;
}

void disk_fini(struct disk *d)
{
    struct disk_look *k = d->look;
    if (!k)
        return;
    walk_fini(&k->walk);
    if (k->files)
        closedir(k->files);
    if (k->processes)
        closedir(k->processes);
    json_decref(k->seen);
    free(k->places);
    free(k);
    d->look = NULL;
}

/* A file with several names is seen under each. What is closed, or went meanwhile, is passed over.
 * False: there is no more. */
static bool look_at_entry(struct disk_look *k)
{
    struct stat st;
    const enum walk_found found = walk_next(&k->walk);
    if (found == WALK_ENTRY && fstatat(k->walk.fd, k->walk.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        const bool directory = S_ISDIR(st.st_mode);
        k->places[k->at].now +=
            (int64_t)st.st_blocks * 512 / (directory || !st.st_nlink ? 1 : (int64_t)st.st_nlink);
        if (directory && st.st_dev == k->dev)
            walk_into(&k->walk);
    }
    return found != WALK_END;
}

/* One without a name takes room as long as somebody has it open, once however many do. */
static void look_at_open(struct disk_look *k, const char *name)
{
    struct statx st;
    if (statx(dirfd(k->files), name, 0, STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0 ||
        !S_ISREG(st.stx_mode) || st.stx_nlink)
        return;
    own(str_fini) char *key =
        str_print("%llu.%llu", (unsigned long long)st.stx_mnt_id, (unsigned long long)st.stx_ino);
    if (json_object_get(k->seen, key))
        return;
    json_object_set_new(k->seen, key, json_true());
    for (size_t i = 0; i < k->n; i++)
        if (k->places[i].mount && k->places[i].mount == st.stx_mnt_id)
            k->places[i].now += (int64_t)st.stx_blocks * 512;
}

static bool look_at_process(struct disk_look *k)
{
    const struct dirent *e = k->files ? readdir(k->files) : NULL;
    if (e) {
        look_at_open(k, e->d_name);
        return true;
    }
    if (k->files)
        closedir(k->files);
    k->files = NULL;
    e = k->processes ? readdir(k->processes) : NULL;
    if (e && e->d_name[0] >= '1' && e->d_name[0] <= '9') {
        own(str_fini) char *path = str_print("%s/fd", e->d_name);
        const int fd = openat(dirfd(k->processes), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        k->files = fd < 0 ? NULL : fdopendir(fd);
    }
    return e != NULL;
}

static bool look_on(struct disk_look *k)
{
    if (k->at == k->n)
        return look_at_process(k);
    if (!look_at_entry(k)) {
        walk_fini(&k->walk);
        k->at++;
        open_place(k);
    }
    return true;
}

static bool is_full(const struct disk *d)
{
    int64_t all = 0;
    for (size_t i = 0; i < d->look->n; i++) {
        const struct place *p = &d->look->places[i];
        all += p->now;
        if (p->most && p->now > p->most)
            return true;
    }
    return d->most && all > d->most;
}

bool disk_full(struct disk *d, pid_t child)
{
    const int64_t begin = clock_boot();
    bool more;
    if (begin < d->next || child <= 0)
        return false;
    if (!d->look)
        d->look = look_new(d, child);
    do
        more = look_on(d->look);
    while (more && clock_boot() - begin < TURN_MS);
    const bool full = is_full(d);
    const int64_t end = clock_boot(), spent = d->look->spent += end - begin;
    if (full || !more) {
        d->next = end + (20 * spent > LOOK_MS ? 20 * spent : LOOK_MS);
        disk_fini(d);
    }
    return full;
}
