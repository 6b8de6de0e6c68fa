#include "device.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "host/clock.h"
#include "host/spawn.h"
#include "model/task.h"
#include "text/size.h"

#define MIB (1ll << 20)
#define WAIT_MS 5000   /* for who has it now and is ending */
#define RESERVE_MIB 64 /* of its memory a driver keeps so much for itself */

/* One of them. */
struct device {
    char *type, *uuid; /* uuid: of NVIDIA's, else NULL */
    int64_t memory;    /* bytes, 0 not known */
    int shaders;
    struct strs nodes; /* the first one is its own: by it is known who has the device */
};

struct found {
    struct device *list;
    size_t n;
};

static void found_fini(struct found *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->list[i].type);
        free(f->list[i].uuid);
        strs_fini(&f->list[i].nodes);
    }
    free(f->list);
    *f = (struct found){0};
}

static struct device *found_add(struct found *f, const char *type)
{
    f->list = mem_grow(f->list, f->n + 1, sizeof(*f->list));
    f->list[f->n] = (struct device){.type = str_new(type)};
    return &f->list[f->n++];
}

/* The device behind a name, of which it may have several; for the kernel, and for us, it is one. */
struct node {
    char kind; /* 0: there is none */
    dev_t number;
};

static struct node node_of(const char *path)
{
    struct stat st;
    if (!path || stat(path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
        return (struct node){0};
    return (struct node){S_ISCHR(st.st_mode) ? 'c' : 'b', st.st_rdev};
}

static bool is_node(const char *path)
{
    return node_of(path).kind != 0;
}

/* Is it among what is found already, by whatever name? */
static bool is_known(const struct found *f, const char *path)
{
    const struct node node = node_of(path);
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->list[i].nodes.n; k++) {
            const struct node other = node_of(f->list[i].nodes.list[k]);
            if (node.kind && other.kind == node.kind && other.number == node.number)
                return true;
        }
    return false;
}

/* --- NVIDIA's --- */

/* Products by the chip they have, which is what a task asks for. Others need `devices`. */
static const struct {
    const char *name, *type;
    int shaders;
} products[] = {
    {"NVIDIA GeForce RTX 4070", RESOURCE_TYPES "nvidia-ad104", 5888},
    {"NVIDIA GeForce RTX 4070 SUPER", RESOURCE_TYPES "nvidia-ad104", 7168},
    {"NVIDIA GeForce RTX 4070 Ti", RESOURCE_TYPES "nvidia-ad104", 7680},
    {"NVIDIA L4", RESOURCE_TYPES "nvidia-ad104", 7424},
    {"NVIDIA RTX 4000 Ada Generation", RESOURCE_TYPES "nvidia-ad104", 6144},
    {"NVIDIA RTX 4000 SFF Ada Generation", RESOURCE_TYPES "nvidia-ad104", 6144},
};

/* What every program needs that computes on one of them. */
static const char *const nvidia_nodes[] = {"/dev/nvidiactl", "/dev/nvidia-uvm",
                                           "/dev/nvidia-uvm-tools"};

/* Of a batch system's job only some are its own; Slurm says which. */
static bool is_ours(const char *index, const char *uuid)
{
    own(str_fini) char *list = str_new(getenv("CUDA_VISIBLE_DEVICES"));
    char *rest = list, *one;
    while ((one = strsep(&rest, ",")))
        if (str_same(one, index) || str_same(one, uuid))
            return true;
    return !list;
}

/* The number of its node, which is another than its index where some are hidden. The kernel's
 * names of the bus have four digits where nvidia-smi has eight. */
static int minor_of(const char *bus, int index)
{
    char line[200];
    int number = index;
    own(str_fini) char *path = str_print("/proc/driver/nvidia/gpus/%s/information", bus);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "Device Minor: %d", &number) == 1)
            break;
    if (f)
        fclose(f);
    return number;
}

/* Its node for drawing, /dev/dri/renderD128 and so on. */
static void add_render_node(struct device *d, const char *bus)
{
    own(str_fini) char *path = str_print("/sys/bus/pci/devices/%s/drm", bus);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        own(str_fini) char *node = str_print("/dev/dri/%s", e->d_name);
        if (str_begins(e->d_name, "renderD") && is_node(node))
            strs_add(&d->nodes, node);
    }
    if (dir)
        closedir(dir);
}

/* "0, NVIDIA L4, 23034, GPU-..., 00000000:01:00.0" */
static void add_nvidia(struct found *f, char *row)
{
    char *parts[5] = {NULL}, *rest = row;
    size_t i = 0;
    for (; i < COUNT(parts) && rest; i++)
        parts[i] = strsep(&rest, ",") + (i > 0); /* and a blank */
    if (i < COUNT(parts) || !isdigit((unsigned char)*parts[0]) || !is_ours(parts[0], parts[3]))
        return;
    size_t p = 0;
    while (p < COUNT(products) && !str_same(products[p].name, parts[1]))
        p++;
    char *bus = strlen(parts[4]) > 4 ? parts[4] + 4 : parts[4];
    for (char *c = bus; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    own(str_fini) char *node =
        str_print("/dev/nvidia%d", minor_of(bus, (int)strtol(parts[0], NULL, 10)));
    if (p == COUNT(products) || !is_node(node) || is_known(f, node))
        return;
    struct device *d = found_add(f, products[p].type);
    const int64_t mib = strtol(parts[2], NULL, 10);
    d->uuid = str_new(parts[3]);
    d->shaders = products[p].shaders;
    /* 12282 MiB are told of one that is sold, and asked for, with 12 GiB */
    const int64_t whole = (mib + RESERVE_MIB) / 1024 * 1024;
    d->memory = (whole > mib ? whole : mib) * MIB;
    strs_add(&d->nodes, node);
    add_render_node(d, bus);
    for (size_t n = 0; n < COUNT(nvidia_nodes); n++)
        if (is_node(nvidia_nodes[n]))
            strs_add(&d->nodes, nvidia_nodes[n]);
}

/* 0, also where there is no such tool and so none of them; -1: it failed, and there may be some. */
static int find_nvidia(struct found *f, struct err *err)
{
    char query[] = "--query-gpu=index,name,memory.total,uuid,pci.bus_id";
    char format[] = "--format=csv,noheader,nounits";
    own(str_fini) char *tool = spawn_find_tool("nvidia-smi");
    char *argv[] = {tool, query, format, NULL};
    own(spawn_fini) struct spawn s = {.argv = argv, .deadline_ms = 10000};
    if (!tool)
        return 0;
    const int rc = spawn_run(&s, err);
    if (rc > 0)
        err_set(err, CODE_TEMP, "nvidia-smi: %s", spawn_last_error(&s));
    if (rc != 0)
        return -1;
    char *row, *rest = s.out.bytes;
    while ((row = strsep(&rest, "\n")))
        add_nvidia(f, row);
    return 0;
}

/* --- those that driver-options name --- */

/* A type, and the files of each: [[/dev/a0, /dev/a0-control], [/dev/a1, ...]]. */
static void find_named(struct found *f, const char *type, const json_t *all)
{
    size_t i, k;
    json_t *one, *name;
    json_array_foreach (all, i, one) {
        const char *its_own = json_string_value(json_array_get(one, 0));
        if (!is_node(its_own) || is_known(f, its_own))
            continue;
        struct device *d = found_add(f, type);
        json_array_foreach (one, k, name)
            if (json_is_string(name))
                strs_add(&d->nodes, json_string_value(name));
    }
}

/* A list of lists of names? */
static bool lists_files(const json_t *all)
{
    size_t i, k;
    json_t *one, *name;
    if (!json_is_array(all))
        return false;
    json_array_foreach (all, i, one) {
        if (json_array_size(one) == 0)
            return false;
        json_array_foreach (one, k, name)
            if (!json_is_string(name) || *json_string_value(name) != '/')
                return false;
    }
    return true;
}

int device_check(const json_t *config, struct err *err)
{
    json_t *devices = json_object_get(config, "devices"), *all;
    const char *type;
    if (devices && !json_is_object(devices))
        return err_set(err, CODE_CONFIG, "driver-options: expected devices to be a mapping");
    json_object_foreach (devices, type, all)
        if (!lists_files(all))
            return err_set(err, CODE_CONFIG,
                           "driver-options: expected devices to name the files of each %s, as "
                           "[[/dev/a0, /dev/a0-control], [/dev/a1]]",
                           type);
    return 0;
}

/* -1: some of NVIDIA's may be missing. */
static int find_all(struct found *f, const json_t *config, struct err *err)
{
    const char *type;
    json_t *all;
    json_object_foreach (json_object_get(config, "devices"), type, all)
        find_named(f, type, all);
    return find_nvidia(f, err);
}

/* Of those of one type each has at least so much. */
static void count_in(json_t *row, const struct device *d)
{
    json_t *spec = json_object_get(row, "spec");
    own(json_fini) json_t *memory = size_json(d->memory);
    json_object_set_new(row, "count", json_integer(json_int(row, "count", 0) + 1));
    if (d->memory &&
        (!json_object_get(spec, "memory") ||
         json_number_value(json_object_get(spec, "memory")) > json_number_value(memory)))
        json_object_set(spec, "memory", memory);
    if (d->shaders && json_int(spec, "shaders", INT64_MAX) > d->shaders)
        json_object_set_new(spec, "shaders", json_integer(d->shaders));
}

void device_facts(json_t *facts, const json_t *config)
{
    own(found_fini) struct found f = {0};
    struct err ignored = {0};
    json_t *list = json_array();
    find_all(&f, config, &ignored);
    for (size_t i = 0; i < f.n; i++) {
        size_t k = 0;
        while (k < json_array_size(list) &&
               !str_same(json_text(json_array_get(list, k), "type"), f.list[i].type))
            k++;
        if (k == json_array_size(list))
            json_array_append_new(list, json_pack("{s:s,s:{}}", "type", f.list[i].type, "spec"));
        count_in(json_array_get(list, k), &f.list[i]);
    }
    json_object_set_new(facts, "extras", list);
}

/* --- who has which --- */

/* A name of the kernel's, for all processes of this machine, and free the moment its holder is
 * gone; by the device itself, which may have names in more places, as in a container's own /dev.
 * -1: somebody has it. */
static int hold(const char *path)
{
    const struct node node = node_of(path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!node.kind)
        return -1;
    const int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
                           "execdm-device-%c-%jx", node.kind, (uintmax_t)node.number);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void add_once(struct strs *s, const char *word)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_same(s->list[i], word))
            return;
    strs_add(s, word);
}

static void give(struct devices *d, const struct device *device, int lock, struct buf *uuids)
{
    d->locks = mem_grow(d->locks, d->nlocks + 1, sizeof(*d->locks));
    d->locks[d->nlocks++] = lock;
    for (size_t i = 0; i < device->nodes.n; i++)
        add_once(&d->nodes, device->nodes.list[i]);
    if (device->uuid && uuids->len)
        buf_char(uuids, ',');
    if (device->uuid)
        buf_str(uuids, device->uuid);
}

/* As many of this type as are free, up to `wanted`: how many. */
static int64_t take_free(struct devices *d, const struct found *f, const char *type, int64_t wanted,
                         struct buf *uuids)
{
    int64_t taken = 0;
    for (size_t i = 0; i < f->n && taken < wanted; i++) {
        const int lock = str_same(f->list[i].type, type) ? hold(f->list[i].nodes.list[0]) : -1;
        if (lock < 0)
            continue;
        give(d, &f->list[i], lock, uuids);
        taken++;
    }
    return taken;
}

static int64_t count_found(const struct found *f, const char *type)
{
    int64_t count = 0;
    for (size_t i = 0; i < f->n; i++)
        count += str_same(f->list[i].type, type);
    return count;
}

/* One of the types that are found by nvidia-smi? */
static bool is_nvidia(const char *type)
{
    for (size_t i = 0; i < COUNT(products); i++)
        if (str_same(products[i].type, type))
            return true;
    return false;
}

int devices_take(struct devices *d, const json_t *extras, const json_t *config, struct err *err)
{
    own(found_fini) struct found f = {0};
    own(buf_fini) struct buf uuids = {0};
    const int64_t deadline = clock_boot() + WAIT_MS;
    const char *type;
    json_t *number;
    if (json_object_size(extras) == 0)
        return 0;
    const bool complete = find_all(&f, config, err) == 0;
    json_object_foreach ((json_t *)extras, type, number) {
        const int64_t wanted = json_integer_value(number), known = count_found(&f, type);
        int64_t missing = known ? wanted : 0;
        if (!complete && known < wanted && is_nvidia(type)) { /* or it would run without them */
            devices_fini(d);
            err->code = CODE_TEMP;
            return err_wrap(err, "cannot find out which %s there are", type);
        }
        while ((missing -= take_free(d, &f, type, missing, &uuids)) > 0) {
            if (clock_boot() >= deadline) {
                devices_fini(d);
                return err_set(err, CODE_TEMP, "%s is in use", type);
            }
            usleep(50000);
        }
    }
    if (uuids.len) {
        strs_print(&d->env, "NVIDIA_VISIBLE_DEVICES=%s", uuids.bytes);
        strs_print(&d->env, "CUDA_VISIBLE_DEVICES=%s", uuids.bytes);
    }
    return 0;
}

void devices_fini(struct devices *d)
{
    for (size_t i = 0; i < d->nlocks; i++)
        close(d->locks[i]);
    free(d->locks);
    strs_fini(&d->nodes);
    strs_fini(&d->env);
    *d = (struct devices){0};
}
