from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('nodes', '0004_what_sites_share'),
    ]

    operations = [
        migrations.AddField(
            model_name='databaserelease',
            name='columns',
            field=models.JSONField(editable=False, null=True),
        ),
    ]
