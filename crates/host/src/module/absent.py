"""Names of uWSGI's whose work Lictor does not do yet, and what to do instead."""

from _lictor_module import absent

_INSTEAD = {
    "use a cache server such as Redis or memcached, or the cache of your framework": (
        "cache_clear cache_dec cache_del cache_div cache_exists cache_get cache_inc cache_keys "
        "cache_mul cache_num cache_set cache_update"
    ),
    "use a queue server such as Redis or RabbitMQ": (
        "queue_get queue_last queue_pop queue_pull queue_pull_slot queue_push queue_set queue_slot"
    ),
    "use `multiprocessing.shared_memory`": (
        "sharedarea_dec32 sharedarea_dec64 sharedarea_inc32 sharedarea_inc64 sharedarea_memoryview "
        "sharedarea_object sharedarea_read sharedarea_read16 sharedarea_read32 sharedarea_read64 "
        "sharedarea_read8 sharedarea_rlock sharedarea_unlock sharedarea_wlock sharedarea_write "
        "sharedarea_write16 sharedarea_write32 sharedarea_write64 sharedarea_write8 readbyte "
        "writebyte readlong writelong inclong"
    ),
    "use `cron` or `attach-daemon` of the vassal file, or a thread started in `post_fork_hook`": (
        "add_cron add_file_monitor add_ms_timer add_rb_timer add_timer register_signal signal "
        "signal_received signal_registered signal_wait alarm"
    ),
    "use a task queue such as Celery, RQ or Huey, whose worker `attach-daemon` can run": (
        "send_to_spooler set_spooler_frequency spool spooler_dir spooler_get_task spooler_jobs "
        "spooler_pid spooler_pids mule_get_msg mule_msg farm_get_msg farm_msg install_mule_msg_hook "
        "mule_file mule_msg_recv_size"
    ),
    "call the other service over HTTP": "call register_rpc rpc",
    "use the client library of your monitoring": (
        "metric_dec metric_div metric_get metric_inc metric_mul metric_set metric_set_max "
        "metric_set_min snmp_decr_counter32 snmp_decr_counter64 snmp_decr_gauge snmp_incr_counter32 "
        "snmp_incr_counter64 snmp_incr_gauge snmp_set_community snmp_set_counter32 "
        "snmp_set_counter64 snmp_set_gauge"
    ),
    "serve an ASGI app, which has websockets": (
        "websocket_handshake websocket_recv websocket_recv_nb websocket_send websocket_send_binary "
        "request_context"
    ),
    "serve an ASGI app, or use `threads`": (
        "async_connect async_sleep close connect green_schedule ready_fd recv send suspend "
        "wait_fd_read wait_fd_write"
    ),
    "a vassal's emperor decides which of its generations serves": "i_am_the_lord lord_scroll scrolls",
    "read `wsgi.input`, which ends where the body ends": "chunked_read chunked_read_nb",
    "use `route-*` of the vassal file, or the web server in front": "route",
    "return `wsgi.file_wrapper`, which occupies no worker": "offload",
    "set the key of the environ": "add_var",
    "use the option `harakiri`": "set_user_harakiri",
    "log it": "set_warning_message",
    "open the file, or use `importlib.resources`": (
        "embedded_data extract parsefile SymbolsImporter SymbolsZipImporter ZipImporter"
    ),
}

NAMES = {
    name: absent(name, instead) for instead, names in _INSTEAD.items() for name in names.split()
}
