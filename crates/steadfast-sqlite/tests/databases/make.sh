#!/bin/sh
# How the databases beside this script were made, each by the program that its users run. They are committed, because a
# test must not depend on a registry; run this to make them anew, with network, python3 and the sqlite3 program:
#
#     sh crates/steadfast-sqlite/tests/databases/make.sh
#
# Times and identifiers in them differ from run to run; what the tests ask of them does not.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet Django==5.2.19 sqlite-utils==4.2.1 datasette==1.0a19 pyogrio==0.13.0 anki==26.9.3
PATH="$work/venv/bin:$PATH"
cd "$work"

# Django: the tables of admin, auth, contenttypes and sessions as its own migrations make them, with users, groups,
# permissions, a log of the admin, sessions, and one application with a JSON field (CHECK), a unique constraint and a
# partial index.
django-admin startproject shop .
python manage.py startapp orders
cat > orders/models.py <<'PY'
from django.contrib.auth.models import User
from django.db import models


class Order(models.Model):
    customer = models.ForeignKey(User, on_delete=models.PROTECT)
    number = models.CharField(max_length=20, unique=True)
    placed = models.DateTimeField(db_index=True)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField()
    details = models.JSONField(default=dict)
    is_paid = models.BooleanField(default=False)
    shipped = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "number"], name="once_per_customer")]
        indexes = [
            models.Index(fields=["placed"], name="unpaid", condition=models.Q(is_paid=False)),
            models.Index(fields=["-total", "number"], name="dearest_first"),
        ]
PY
sed -i "s/INSTALLED_APPS = \[/INSTALLED_APPS = [\n    'orders',/" shop/settings.py
python manage.py makemigrations --verbosity 0 orders
python manage.py migrate --verbosity 0
python manage.py shell --verbosity 0 <<'PY'
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from orders.models import Order

start = datetime(2026, 1, 1, tzinfo=timezone.utc)
staff = Group.objects.create(name="staff")
staff.permissions.set(Permission.objects.all()[:12])
users = [User(username=f"user{at:03}", email=f"user{at}@shop.example", password="!", first_name="Käthe" if at % 7 == 0 else "Ann") for at in range(60)]
User.objects.bulk_create(users)
for user in User.objects.all()[:20]:
    user.groups.add(staff)
orders = [Order(customer=users[at % 60], number=f"2026-{at:05}", placed=start + timedelta(hours=at), total=Decimal(at * 7 % 500) / 4,
    quantity=at % 9, details={"lines": [{"sku": f"s{at % 13}", "n": at % 3}]}, is_paid=at % 4 != 0, shipped=None if at % 3 else start.date()) for at in range(400)]
Order.objects.bulk_create(orders)
Order.objects.filter(id__lt=40, is_paid=False).update(is_paid=True)
Order.objects.filter(id__gt=380).delete()
for order in Order.objects.all()[:30]:
    LogEntry.objects.create(user=users[0], content_type=ContentType.objects.get_for_model(Order), object_id=order.id, object_repr=str(order), action_flag=ADDITION, change_message="[]")
for at in range(25):
    session = SessionStore()
    session["cart"] = list(range(at))
    session.create()
PY
cp db.sqlite3 "$here/django.sqlite3"

# sqlite-utils: tables from JSON with a compound key and foreign keys, ALTERed by transform, with FTS5 kept by triggers.
python - <<'PY'
import json
rows = [{"id": at, "city": ["Graz", "Linz", "Wien"][at % 3], "on_earth": at % 2, "tags": json.dumps(["a", str(at)]),
    "title": f"Planning notice {at}", "body": f"The committee met about plot {at * 31 % 97}. " * (1 + at % 9)} for at in range(200)]
json.dump(rows, open("notices.json", "w"))
json.dump([{"k1": chr(97 + at % 26), "k2": at, "content": f"row {at}"} for at in range(150)], open("pairs.json", "w"))
PY
sqlite-utils insert published.db notices notices.json --pk id
sqlite-utils insert published.db pairs pairs.json --pk k1 --pk k2
sqlite-utils extract published.db notices city --table cities --fk-column city_id
sqlite-utils create-index published.db notices -- -on_earth title
sqlite-utils enable-fts published.db notices title body --create-triggers --tokenize porter
sqlite-utils add-column published.db notices score float --not-null-default 0.5
sqlite-utils query published.db "delete from notices where id % 11 = 0"
sqlite-utils query published.db "update notices set title = 'Amended: ' || title where id % 5 = 0"
sqlite-utils create-view published.db latest "select * from notices order by id desc limit 10"
cp published.db "$here/sqlite-utils-fts5.db"

# Datasette: its own catalog of the database above, written by itself.
datasette published.db --internal internal.db --get /-/databases.json > /dev/null
datasette published.db --internal internal.db --get /published/notices.json > /dev/null
cp internal.db "$here/datasette-internal.db"

# GDAL, through pyogrio: a GeoPackage, whose spatial index is an rtree kept by triggers that call functions of GDAL's.
python - <<'PY'
import numpy, pyogrio, struct
points = [struct.pack("<BIdd", 1, 1, 9.5 + at * 13 % 700 / 100, 46.4 + at * 29 % 260 / 100) for at in range(300)]
pyogrio.raw.write("places.gpkg", numpy.array(points, dtype=object),
    [numpy.array([f"place {at}" for at in range(300)], dtype=object), numpy.arange(300) % 17],
    ["name", "rank"], geometry_type="Point", crs="EPSG:4326", driver="GPKG", layer="places")
PY
cp places.gpkg "$here/gdal-rtree.gpkg"

# Anki: a collection of cards, whose indexes use a collation that only Anki knows.
python - <<'PY'
import os
from anki.collection import Collection
collection = Collection(os.path.abspath("cards.anki2"))
basic = collection.models.by_name("Basic")
for at in range(60):
    note = collection.new_note(basic)
    note["Front"], note["Back"] = f"Frage {at}", f"Äntwort {at * at}"
    note.tags = ["geo", f"t{at % 7}"]
    collection.add_note(note, 1)
collection.close()
PY
cp cards.anki2 "$here/anki-unicase.anki2"

# The sqlite3 program of Debian: FTS5 without its own copy of the content, an rtree with auxiliary columns, WITHOUT ROWID, a
# generated column, auto_vacuum, and the statistics of ANALYZE.
sqlite3 cli.db <<'SQL'
PRAGMA auto_vacuum=INCREMENTAL;
CREATE TABLE articles(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT, words INT AS (length(body)/6) VIRTUAL);
CREATE VIRTUAL TABLE search USING fts5(title, body, content='articles', content_rowid='id', prefix='2 3');
CREATE TRIGGER added AFTER INSERT ON articles BEGIN
  INSERT INTO search(rowid, title, body) VALUES (new.id, new.title, new.body);
END;
CREATE TRIGGER removed AFTER DELETE ON articles BEGIN
  INSERT INTO search(search, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
END;
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label TEXT);
CREATE TABLE links(source INT, target INT, weight REAL, PRIMARY KEY(source, target)) WITHOUT ROWID;
CREATE INDEX by_target ON links(target, weight DESC);
CREATE INDEX by_length ON articles(words) WHERE words > 10;
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 250)
INSERT INTO articles(id, title, body) SELECT x, 'Article ' || x, replace(hex(zeroblob(x % 40)), '00', 'word' || x % 7 || ' ') FROM n;
INSERT INTO boxes SELECT id, id % 50, id % 50 + 3, id / 50, id / 50 + 2, title FROM articles;
INSERT INTO links SELECT a.id, b.id, (a.id * b.id % 100) / 8.0 FROM articles a, articles b WHERE a.id % 9 = 0 AND b.id % 11 = 0;
DELETE FROM articles WHERE id % 6 = 0;
ANALYZE;
SQL
cp cli.db "$here/cli-fts5-and-rtree.db"
ls -l "$here"
