from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tasks', '0004_name_search'),
    ]

    operations = [
        migrations.AddField(
            model_name='task',
            name='columns',
            field=models.JSONField(blank=True, default=list, editable=False),
        ),
    ]
